// rules, ops, devices, explain: what there is.
#include <fmt/core.h>

#include "cli/coverage.h"
#include "cli/data.h"
#include "cli/options.h"
#include "cli/outcome.h"
#include "cli/report.h"
#include "device/registry.h"
#include "oracle/judge.h"
#include "prog/ops.h"
#include "trace/trace.h"

namespace va {
namespace {

std::string needs_text(uint32_t needs) {
  return needs == 0 ? "on every device" : "where a trace shows " + sees_text(needs);
}

std::string signature(const OpInfo& info) {
  std::string text(info.name);
  if (info.has_queue) text += " QUEUE";
  for (const Operand& operand : info.operands) {
    std::string part(operand.name);
    if (!part.empty()) part += '=';
    if (operand.kind == OperandKind::kEnum || operand.kind == OperandKind::kFeatures) {
      std::string names;
      for (std::string_view name : operand.names) {
        names += names.empty() ? "" : "|";
        names += name;
      }
      part += names;
    } else if (operand.kind == OperandKind::kOrdinal) {
      part += "#N";
    } else {
      part += operand.hex ? "0xN" : "N";
    }
    text += operand.always ? " " + part : " [" + part + "]";
  }
  return info.has_segs ? text + " [SEGMENT…]" : text;
}

std::string devices_text(uint8_t devices) {
  std::string text;
  if ((devices & kReference) != 0) text += " reference";
  if ((devices & kKernel) != 0) text += " kernel";
  if ((devices & kVhostUser) != 0) text += " vhost-user";
  if ((devices & kQemu) != 0) text += " qemu";
  return text.empty() ? "reserved: no device yet" : text.substr(1);
}

void print_names(std::string_view title, const NamesByRule& by_rule, const std::string& rule) {
  const auto names = by_rule.find(rule);
  if (names == by_rule.end()) {
    fmt::print("  {:<10} none\n", title);
    return;
  }
  for (const std::string& name : names->second) {
    fmt::print("  {:<10} {}\n", title, name);
    title = "";
  }
}

void explain_rule(const Rule& rule) {
  fmt::print("{}  {}\n", rule.id, rule.requirement);
  fmt::print("  level      {}\n  clause     {}\n  data       {}\n", rule.level, rule.clause,
             rule.file);
  const RuleInfo* judged = find_judged(rule.id);
  const bool waits = judged == nullptr && (!rule.via.empty() || !rule.later.empty());
  fmt::print("  judged     {}\n", waits               ? "not yet"
                                  : judged == nullptr ? "by its cases alone"
                                                      : needs_text(judged->needs));
  if (!rule.via.empty()) fmt::print("  via        {}\n", rule.via);
  if (!rule.later.empty()) fmt::print("  later      {}\n", rule.later);
  print_names("cases", cases_by_rule(), rule.id);
  NamesByRule specimens;
  if (specimens_by_rule(specimens).ok()) print_names("specimens", specimens, rule.id);
}

void explain_op(const OpInfo& info) {
  fmt::print("{}\n  {}\n  devices    {}\n", signature(info), info.doc, devices_text(info.devices));
}

void explain_event(const EventInfo& info) {
  std::string text(info.name);
  if (info.has_queue) text += " QUEUE";
  for (const EventOperand& operand : info.operands) {
    text += operand.name.empty() ? fmt::format(" {}", operand.ordinal ? "#N" : "VALUE")
                                 : fmt::format(" {}=VALUE", operand.name);
  }
  fmt::print("< {}\n  {}\n", text, info.doc);
}

}  // namespace

int rules_command(const Options& options) {
  std::vector<Rule> rules;
  if (const Status status = load_rules(project_root(), rules); !status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return kExitBroken;
  }
  if (options.coverage) return coverage_command(rules);
  if (options.json) {
    fmt::print("{}\n", rules_json(rules));
    return kExitOk;
  }
  for (const Rule& rule : rules) {
    fmt::print("{:<8} {:<7} {}{}\n", rule.id, rule.level, rule.requirement,
               !rule.later.empty()               ? " (later: " + rule.later + ")"
               : !rule.via.empty()               ? " (via " + rule.via + ")"
               : find_judged(rule.id) == nullptr ? " (by its cases alone)"
                                                 : "");
  }
  return kExitOk;
}

int ops_command(const Options& options) {
  if (options.json) {
    fmt::print("{}\n", ops_json());
    return kExitOk;
  }
  for (const OpInfo& info : all_ops()) explain_op(info);
  return kExitOk;
}

int devices_command(const Options& options) {
  if (options.json) {
    fmt::print("{}\n", devices_json());
    return kExitOk;
  }
  for (const DeviceInfo& info : all_devices()) fmt::print("{}\n    {}\n", info.form, info.doc);
  return kExitOk;
}

int explain_command(const Options& options) {
  std::vector<Rule> rules;
  if (const Status status = load_rules(project_root(), rules); !status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return kExitBroken;
  }
  int code = kExitOk;
  for (const std::string& id : options.inputs) {
    const Rule* rule = find_rule(rules, id);
    const OpInfo* op = find_op(id);
    const EventInfo* event = find_event(id);
    if (rule != nullptr) explain_rule(*rule);
    if (op != nullptr) explain_op(*op);
    if (event != nullptr) explain_event(*event);
    if (rule != nullptr || op != nullptr || event != nullptr) continue;
    fmt::print(stderr,
               "vassay: `{}` is no rule, operation or event; see vassay rules, vassay ops\n", id);
    code = kExitUsage;
  }
  return code;
}

}  // namespace va
