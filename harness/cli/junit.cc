#include <fmt/core.h>

#include "cli/report.h"

namespace va {
namespace {

// XML 1.0 has no way to write most control characters; they become spaces.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return out;
}

// The element that makes a build server count the case as failed, in error or skipped.
std::string_view element_of(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kFail:
    case VerdictKind::kRobustness:
    case VerdictKind::kInconclusive:
      return "failure";
    case VerdictKind::kBroken:
      return "error";
    case VerdictKind::kUnsupported:
      return "skipped";
    case VerdictKind::kPass:
    case VerdictKind::kInformational:
    case VerdictKind::kNonStrict:
      return "";
  }
  return "";
}

std::string description(const Shown& shown) {
  std::string text = shown.reason;
  for (const ShownFinding& finding : shown.findings) {
    text += fmt::format("\n{} {}: {}\nexpected {}\nactual {}\nline {}: {}", finding.verdict,
                        finding.rule, finding.requirement, finding.expected, finding.actual,
                        finding.line, finding.line_text);
  }
  for (const ShownDifference& difference : shown.differences) {
    text += fmt::format("\n{} at settle point {}: {} | {}", difference.event, difference.settle,
                        difference.left, difference.right);
  }
  return text + "\n" + shown.repeat;
}

}  // namespace

std::string to_junit(const std::vector<Shown>& all, bool timings) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites>\n<testsuite name=\"vassay\" tests=\"{}\">\n", all.size());
  for (const Shown& shown : all) {
    std::string device;
    for (const std::string& uri : shown.devices) device += (device.empty() ? "" : " ") + uri;
    text +=
        fmt::format("<testcase classname=\"{}\" name=\"{}\"", escaped(device), escaped(shown.path));
    if (timings) text += fmt::format(" time=\"{:.3f}\"", shown.seconds);
    text += ">";
    if (const std::string_view element = element_of(shown.verdict); !element.empty()) {
      text += fmt::format("<{} message=\"{}\">{}</{}>", element, verdict_name(shown.verdict),
                          escaped(description(shown)), element);
    }
    text += "</testcase>\n";
  }
  return text + "</testsuite>\n</testsuites>\n";
}

}  // namespace va
