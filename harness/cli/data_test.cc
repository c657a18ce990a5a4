#include "cli/data.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace va {
namespace {

// A project root of its own for each test.
class Data : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "/" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(root_ + "/conformance/rules");
    std::filesystem::create_directories(root_ + "/conformance/expectations");
    std::filesystem::create_directories(root_ + "/fuzzers/specimens");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    std::ofstream(root_ + "/conformance/" + file) << text;
  }

  std::string root_;
};

constexpr char kDivergence[] = R"([[divergence]]
id = "DIV-01"
kind = "divergence"
on = ["reference:inorder", "kernel"]
event = "used_flags"
values = ["0x0", "0x1"]
witness = "corpus/seed/a.vq"
reason = "why"
source = "vhost_net_disable_vq"
version = "6.1.9"
)";

// A rule's row, whole, with `more` behind it.
std::string rule_row(const std::string& id, const std::string& more = "case = 'states'",
                     const std::string& devices = "['reference']") {
  return "[[rule]]\nid = '" + id +
         "'\nlevel = 'MUST'\nclause = 'VIRTIO 1.2, 2.7 Rings'\nlabel = 'devicenormative:Rings'\n"
         "requirement = 'r'\nqueues = ['tx']\nneeds = []\nduties = []\ndevices = " +
         devices + "\n" + more + "\n";
}

TEST_F(Data, RulesOfAllFilesSortedById) {
  write("rules/b.toml", rule_row("ABC-02"));
  write("rules/a.toml", rule_row("ABC-01"));
  std::vector<Rule> rules;
  ASSERT_TRUE(load_rules(root_, rules).ok());
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].id, "ABC-01");
  EXPECT_EQ(find_rule(rules, "ABC-02")->file, "conformance/rules/b.toml");
}

TEST_F(Data, ACaseIsWantedOfWhatTheReferenceCanRun) {
  write("rules/a.toml", rule_row("ABC-01") +
                            rule_row("ABC-02", "case='states'", "['kernel', 'reference:inorder']") +
                            rule_row("ABC-03", "case='states'", "['vhost-user', 'qemu']") +
                            rule_row("ABC-04", "case='none'") +
                            rule_row("ABC-05", "later='no device can'") +
                            rule_row("ABC-06", "via='vhost-user'"));
  std::vector<Rule> rules;
  const Status status = load_rules(root_, rules);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(rules.size(), 6u);
  EXPECT_TRUE(rules[0].wants_case);
  EXPECT_TRUE(rules[1].wants_case);
  for (size_t i = 2; i < rules.size(); ++i) EXPECT_FALSE(rules[i].wants_case) << rules[i].id;
  EXPECT_EQ(rules[4].later, "no device can");
  EXPECT_EQ(rules[5].via, "vhost-user");
}

TEST_F(Data, NeedsAndDutiesAreThoseOfTheJudge) {
  std::string row = rule_row("ASY-07", "");
  write("rules/a.toml", row);
  std::vector<Rule> rules;
  EXPECT_NE(load_rules(root_, rules).message().find("`needs` and `duties`"), std::string::npos);
  row.replace(row.find("needs = []"), 10, "needs = ['submits']");
  row.replace(row.find("duties = []"), 11, "duties = ['stable-ring']");
  write("rules/a.toml", row);
  rules.clear();
  const Status status = load_rules(root_, rules);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST_F(Data, WhatARuleCannotSayIsRefused) {
  const std::string row = rule_row("ABC-01");
  const auto with = [&row](const std::string& from, const std::string& to) {
    std::string changed = row;
    return changed.replace(changed.find(from), from.size(), to);
  };
  const std::pair<std::string, std::string> kWrong[] = {
      {with("level = 'MUST'", "level = 'MIGHT'"), "`level`"},
      {with("['tx']", "['ctrl']"), "`queues`"},
      {with("needs = []", "needs = ['x-rays']"), "`needs`"},
      {with("duties = []", "duties = ['patience']"), "`duties`"},
      {with("['reference']", "['toaster']"), "`devices`"},
      {with("['reference']", "[]"), "`devices`"},
      {with("label = 'devicenormative:Rings'\n", ""), "`label`"},
      {with("devicenormative:", "sec:"), "`clause`"},
      {with("case = 'states'", ""), "`case`"},
      {with("case = 'states'", "case = 'later'"), "`case`"},
      {with("case = 'states'", "via = 'qemu'"), "`via`"},
      {row + "core = false\n", "`core`"},
      {row + "colour = 'red'\n", "`colour`"},
      {row + row, "another rule ABC-01"},
  };
  for (const auto& [text, expected] : kWrong) {
    write("rules/a.toml", text);
    std::vector<Rule> rules;
    const Status status = load_rules(root_, rules);
    EXPECT_NE(status.message().find(expected), std::string::npos)
        << expected << ": " << status.message();
  }
}

TEST_F(Data, SpecimensNameEachRuleThatMustSpeak) {
  write("../fuzzers/specimens/a.toml",
        "id = 'a'\norigin = 'o'\nsymptom = 's'\nrule = 'ABC-01'\nalso = ['ABC-02']\n");
  std::vector<Specimen> specimens;
  const Status status = load_specimens(root_, specimens);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(specimens.size(), 1u);
  EXPECT_EQ(specimens[0].rules, (std::vector<std::string>{"ABC-01", "ABC-02"}));
  write("../fuzzers/specimens/a.toml", "id = 'b'\nrule = 'ABC-01'\n");
  EXPECT_NE(load_specimens(root_, specimens).message().find("`id`"), std::string::npos);
}

TEST_F(Data, AnErrorSaysFileLineAndWhatWasExpected) {
  write("rules/a.toml", "[[rule]]\nid='ABC-01'\n");
  std::vector<Rule> rules;
  const Status status = load_rules(root_, rules);
  EXPECT_TRUE(status.message().starts_with("conformance/rules/a.toml:1:")) << status.message();
  EXPECT_NE(status.message().find("requirement"), std::string::npos) << status.message();
}

TEST_F(Data, ADeviceWithoutFileHasNoExpectations) {
  std::vector<Expected> expected;
  EXPECT_TRUE(load_expectations(root_, "kernel:6.1", expected).ok());
  EXPECT_TRUE(expected.empty());
}

TEST_F(Data, ExpectationsOfADevice) {
  const std::vector<std::string> files = {"conformance/expectations/kernel.toml",
                                          "conformance/expectations/kernel-6.1.toml",
                                          "conformance/expectations/kernel-6.1,zerocopy=off.toml"};
  EXPECT_EQ(expectations_files("kernel:6.1,zerocopy=off"), files);
  write("expectations/kernel-6.1.toml",
        "[[expect]]\ncase='a.vq'\nrule='NUS-04'\nverdict='FAIL'\nreason='r'\nsource='s'\n");
  std::vector<Expected> expected;
  ASSERT_TRUE(load_expectations(root_, "kernel:6.1", expected).ok());
  ASSERT_EQ(expected.size(), 1u);
  EXPECT_EQ(expected[0].verdict, VerdictKind::kFail);
}

TEST_F(Data, AnEntryMaySpeakOfManyCases) {
  Expected entry;
  entry.case_path = "a/b.vq";
  EXPECT_TRUE(lists(entry, "a/b.vq"));
  EXPECT_FALSE(lists(entry, "a/b.vq2"));
  EXPECT_FALSE(lists(entry, "x/a/b.vq"));
  entry.case_path = "a/*,num=8,*.vq";
  EXPECT_TRUE(lists(entry, "a/order=reverse,num=8,base=0.vq"));
  EXPECT_FALSE(lists(entry, "a/order=reverse,num=80,base=0.vq"));
  EXPECT_FALSE(lists(entry, "b/order=reverse,num=8,base=0.vq"));
}

TEST_F(Data, PassIsNoDeviation) {
  write("expectations/kernel-6.1.toml",
        "[[expect]]\ncase='a.vq'\nrule='NUS-04'\nverdict='PASS'\nreason='r'\nsource='s'\n");
  std::vector<Expected> expected;
  EXPECT_FALSE(load_expectations(root_, "kernel:6.1", expected).ok());
}

TEST_F(Data, ADivergenceNeedsACondition) {
  std::string text = kDivergence;
  text.erase(text.find("values"), text.find("witness") - text.find("values"));
  write("divergences.toml", text);
  std::vector<Divergence> listed;
  const Status status = load_divergences(root_, listed);
  EXPECT_NE(status.message().find("condition"), std::string::npos) << status.message();
}

TEST_F(Data, ADivergenceExplainsInEitherOrder) {
  write("divergences.toml", kDivergence);
  std::vector<Divergence> listed;
  const Status status = load_divergences(root_, listed);
  ASSERT_TRUE(status.ok()) << status.message();
  const Program program;
  Difference difference{EventKind::kUsedFlags, kTx, 0, 0, "0x0", "0x1"};
  EXPECT_TRUE(explains(listed[0], difference, program, "reference:inorder", "kernel:6.1"));
  EXPECT_FALSE(explains(listed[0], difference, program, "kernel:6.1", "reference:inorder"));
  EXPECT_FALSE(explains(listed[0], difference, program, "reference:arrival", "kernel:6.1"));
  std::swap(difference.left, difference.right);
  EXPECT_TRUE(explains(listed[0], difference, program, "kernel:6.1", "reference:inorder"));
  difference.kind = EventKind::kAvailEvent;
  EXPECT_FALSE(explains(listed[0], difference, program, "kernel:6.1", "reference:inorder"));
}

TEST_F(Data, OperationsAreConditions) {
  Divergence entry;
  entry.on[0] = "reference";
  entry.on[1] = "kernel";
  entry.event = EventKind::kDone;
  entry.op = "set_vring_addr";
  entry.after = "release";
  Program program;
  program.ops = {Op{Opcode::kSetVringAddr}, Op{Opcode::kRelease}, Op{Opcode::kSetVringAddr}};
  Difference difference{EventKind::kDone, kTx, 0, 0, "a", "b"};
  EXPECT_FALSE(explains(entry, difference, program, "reference:inorder", "kernel:6.1"));
  difference.op = 2;
  EXPECT_TRUE(explains(entry, difference, program, "reference:inorder", "kernel:6.1"));
}

TEST(Version, RunsOfDigitsAreNumbers) {
  EXPECT_TRUE(newer("6.1.10", "6.1.9"));
  EXPECT_FALSE(newer("6.1.9", "6.1.9"));
  EXPECT_FALSE(newer("6.1.9", "6.1.10"));
  EXPECT_FALSE(newer("6.1.9", ""));
}

}  // namespace
}  // namespace va
