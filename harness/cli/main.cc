// The command line of `vassay`.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "base/check.h"
#include "cli/options.h"
#include "cli/outcome.h"

namespace va {
namespace {

constexpr std::string_view kExitCodes =
    "Exit code, the first that applies: 130 interrupted, 3 something BROKEN, 2 bad usage or an\n"
    "unreadable case or none, 1 FAIL, ROBUSTNESS, INCONCLUSIVE or a difference that is not "
    "listed,\n"
    "77 nothing but UNSUPPORTED, 0.";

// A bug of the suite is no finding about a device: it says so and has an exit code of its own.
void report_bug(const char* expression, const char* file, int line) {
  std::fflush(stdout);
  fmt::print(stderr, "vassay-bug: {}:{}: {}\n", file, line, expression);
  _exit(kExitBroken);
}

class CommandLine {
 public:
  CommandLine() : app_("Tests the asynchronous side of vhost devices.", "vassay") {
    app_.footer(std::string(kExitCodes));
    app_.require_subcommand(1);
    add_judging();
    add_conversion();
    add_lists();
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    return command_(options_);
  }

 private:
  CLI::App* add(const std::string& name, const std::string& doc, int (*command)(const Options&)) {
    CLI::App* sub = app_.add_subcommand(name, doc);
    sub->footer(std::string(kExitCodes));
    sub->callback([this, command] { command_ = command; });
    return sub;
  }

  CLI::Option* inputs(CLI::App* sub, const std::string& name, const std::string& doc) {
    return sub->add_option(name, options_.inputs, doc);
  }

  void device(CLI::App* sub) {
    sub->add_option("--device", options_.devices,
                    "device URI (vassay devices); may be given again; reference by default")
        ->type_name("URI")
        ->allow_extra_args(false);
    sub->add_option("--timeout", options_.timeout_s, "seconds for a case; 10 by default")
        ->check(CLI::Range(1, 3600));
  }

  void output(CLI::App* sub) {
    sub->add_flag("--json", options_.json, "a JSON document on stdout");
    sub->add_option("--junit", options_.junit, "write a JUnit document too")->type_name("FILE");
    sub->add_flag("--timings", options_.timings, "say how long each case took");
    sub->add_flag("--strict", options_.strict, "NON-STRICT fails");
    sub->add_flag("-v,--verbose", options_.verbose, "show the trace of every case");
  }

  // Generated Programs instead of cases.
  void generation(CLI::App* sub, CLI::Option* cases) {
    CLI::Option* generate =
        sub->add_option("--generate", options_.generate, "instead of cases: N generated Programs")
            ->type_name("N")
            ->excludes(cases);
    sub->add_option("--seed", options_.seed, "of the first of them; 1 by default");
    sub->add_flag("--hostile", options_.hostile, "their driver breaks its duties")->needs(generate);
  }

  void add_judging() {
    CLI::App* run = add("run", "run cases on a device and judge them", run_command);
    device(run);
    output(run);
    CLI::Option* cases = inputs(run, "CASE", "file, folder or rule id; not .vq: bytes");
    CLI::Option* batch = run->add_flag("--batch", options_.batch,
                                       "a case path a line on stdin, JSON a line on stdout");
    batch->excludes(cases);
    generation(run, cases);
    CLI::App* judge = add("judge", "judge saved traces", judge_command);
    inputs(judge, "TRACE", "file or folder")->required();
    output(judge);
    CLI::App* diff = add("diff", "run cases on two devices and compare", diff_command);
    device(diff);
    output(diff);
    generation(diff, inputs(diff, "CASE", "file, folder or rule id; not .vq: bytes"));
    CLI::App* minimize =
        add("minimize", "the smallest Program with the same verdict, on stdout", minimize_command);
    device(minimize);
    minimize->add_option("--rule", options_.rule, "whose verdict is kept; the worst by default")
        ->type_name("ID");
    generation(minimize, inputs(minimize, "CASE", "file; not .vq: bytes"));
    CLI::App* smoke = add("smoke", "does the device work, and what does it offer", smoke_command);
    device(smoke);
    output(smoke);
  }

  void add_conversion() {
    inputs(add("fmt", "print cases in canonical form; strict", fmt_command), "CASE", "text")
        ->required();
    inputs(add("encode", "text to bytes, on stdout", encode_command), "CASE", "text")->required();
    inputs(add("decode", "bytes to text, on stdout", decode_command), "FILE", "bytes")->required();
  }

  CLI::App* add_list(const std::string& name, const std::string& doc,
                     int (*command)(const Options&)) {
    CLI::App* sub = add(name, doc, command);
    sub->add_flag("--json", options_.json, "a JSON document on stdout");
    return sub;
  }

  void add_lists() {
    add_list("rules", "the requirements", rules_command)
        ->add_flag("--coverage", options_.coverage,
                   "what has a case and a specimen; exit 1 while the core set lacks one");
    add_list("ops", "the operations of a Program", ops_command);
    add_list("devices", "the devices", devices_command);
    inputs(add("explain", "a rule, an operation or an event", explain_command), "ID", "its name")
        ->required();
  }

  CLI::App app_;
  Options options_;
  std::function<int(const Options&)> command_;
};

}  // namespace
}  // namespace va

int main(int argc, char** argv) {
  va::set_check_handler(va::report_bug);
  return va::CommandLine().run(argc, argv);
}
