#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace va {
namespace {

CheckHandler g_handler = nullptr;

}  // namespace

void set_check_handler(CheckHandler handler) {
  g_handler = handler;
}

void check_failed(const char* expression, const char* file, int line) {
  if (g_handler != nullptr) {
    g_handler(expression, file, line);
    return;
  }
  std::fprintf(stderr, "vassay-bug: %s:%d: check failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace va
