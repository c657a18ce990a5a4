#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "device/registry.h"
#include "prog/ops.h"

namespace va {
namespace {

using Json = nlohmann::ordered_json;

// Bytes of a path or of what a device said need not be UTF-8.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Place>
void add_place(Json& json, const Place& at) {
  json["op"] = at.op;
  json["line"] = at.line;
  json["text"] = at.line_text;
}

Json finding_json(const ShownFinding& finding) {
  Json json = {{"verdict", finding.verdict},         {"rule", finding.rule},
               {"requirement", finding.requirement}, {"clause", finding.clause},
               {"expected", finding.expected},       {"actual", finding.actual}};
  add_place(json, finding);
  if (!finding.listed.empty()) json["listed"] = finding.listed;
  return json;
}

Json difference_json(const ShownDifference& difference) {
  Json json = {{"event", difference.event},
               {"settle", difference.settle},
               {"left", difference.left},
               {"right", difference.right}};
  if (!difference.queue.empty()) json["queue"] = difference.queue;
  add_place(json, difference);
  if (!difference.explained.empty()) json["listed"] = difference.explained;
  return json;
}

}  // namespace

std::string to_json(const Shown& shown, bool timings) {
  Json json = {{"schema", kJsonSchema},    {"case", shown.path},
               {"devices", shown.devices}, {"verdict", verdict_name(shown.verdict)},
               {"reason", shown.reason},   {"findings", Json::array()}};
  for (const ShownFinding& finding : shown.findings) {
    json["findings"].push_back(finding_json(finding));
  }
  if (shown.devices.size() > 1) {
    json["differences"] = Json::array();
    for (const ShownDifference& difference : shown.differences) {
      json["differences"].push_back(difference_json(difference));
    }
  }
  if (!shown.notices.empty()) json["notices"] = shown.notices;
  if (!shown.evidence.empty()) json["evidence"] = shown.evidence;
  json["repeat"] = shown.repeat;
  json["traces"] = shown.traces;
  if (timings) json["seconds"] = shown.seconds;
  return dump(json);
}

std::string input_error_json(const std::string& path, const std::string& message) {
  return dump({{"schema", kJsonSchema}, {"case", path}, {"error", message}});
}

std::string summary_json(const std::map<VerdictKind, uint64_t>& counts) {
  Json json = Json::object();
  for (const auto& [kind, count] : counts) json[std::string(verdict_name(kind))] = count;
  return dump(json);
}

std::string ops_json() {
  Json ops = Json::array();
  for (const OpInfo& info : all_ops()) {
    Json devices = Json::array();
    for (const auto& [bit, name] :
         {std::pair{kReference, "reference"}, std::pair{kKernel, "kernel"},
          std::pair{kVhostUser, "vhost-user"}, std::pair{kQemu, "qemu"}}) {
      if ((info.devices & bit) != 0) devices.push_back(name);
    }
    ops.push_back({{"name", info.name},
                   {"opcode", static_cast<int>(info.code)},
                   {"control", info.is_control},
                   {"devices", devices},
                   {"doc", info.doc}});
  }
  return dump({{"schema", kJsonSchema}, {"ops", ops}});
}

std::string rules_json(const std::vector<Rule>& rules) {
  Json rows = Json::array();
  for (const Rule& rule : rules) {
    const bool judged = std::any_of(judged_rules().begin(), judged_rules().end(),
                                    [&](const RuleInfo& info) { return info.id == rule.id; });
    rows.push_back({{"id", rule.id},
                    {"requirement", rule.requirement},
                    {"clause", rule.clause},
                    {"level", rule.level},
                    {"core", rule.core},
                    {"judged", judged},
                    {"devices", rule.devices},
                    {"via", rule.via},
                    {"later", rule.later},
                    {"file", rule.file}});
  }
  Json unknown = Json::array();
  for (const RuleInfo& info : judged_rules()) {
    if (find_rule(rules, info.id) == nullptr) unknown.push_back(info.id);
  }
  return dump({{"schema", kJsonSchema}, {"rules", rows}, {"judged_without_text", unknown}});
}

std::string devices_json() {
  Json rows = Json::array();
  for (const DeviceInfo& info : all_devices()) {
    rows.push_back({{"form", info.form}, {"doc", info.doc}});
  }
  return dump({{"schema", kJsonSchema}, {"devices", rows}});
}

}  // namespace va
