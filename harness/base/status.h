// The result of reading input: fine, or one sentence that says what is wrong and where.
#pragma once

#include <string>
#include <utility>

namespace va {

class Status {
 public:
  Status() = default;

  // `line` and `column` count from 1; 0 means that the error has no position of that kind.
  static Status error(std::string message, int line = 0, int column = 0) {
    Status status;
    status.message_ = std::move(message);
    status.line_ = line;
    status.column_ = column;
    return status;
  }

  bool ok() const { return message_.empty(); }
  const std::string& message() const { return message_; }
  int line() const { return line_; }
  int column() const { return column_; }

  // "PATH:LINE:COL: message", the form in which every input error is shown.
  std::string at(const std::string& path) const {
    std::string text = path;
    if (line_ > 0) text += ":" + std::to_string(line_) + ":" + std::to_string(column_);
    return text + ": " + message_;
  }

 private:
  std::string message_;
  int line_ = 0;
  int column_ = 0;
};

}  // namespace va
