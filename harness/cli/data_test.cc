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

TEST_F(Data, RulesOfAllFilesSortedById) {
  write("rules/b.toml", "[[rule]]\nid='B-02'\nrequirement='two'\nclause='2.7'\nlevel='MUST'\n");
  write("rules/a.toml", "[[rule]]\nid='B-01'\nrequirement='one'\nclause='2.7'\nlevel='MUST'\n");
  std::vector<Rule> rules;
  ASSERT_TRUE(load_rules(root_, rules).ok());
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].id, "B-01");
  EXPECT_EQ(find_rule(rules, "B-02")->file, "conformance/rules/b.toml");
}

TEST_F(Data, ACaseIsWantedOfWhatTheReferenceCanRun) {
  const auto rule = [](std::string id, std::string more) {
    return "[[rule]]\nid='" + id + "'\nrequirement='r'\nclause='2.7'\nlevel='MUST'\n" + more;
  };
  write("rules/a.toml", rule("A-01", "") +
                            rule("A-02", "devices=['kernel', 'reference:inorder']\n") +
                            rule("A-03", "devices=['vhost-user', 'qemu']\n") +
                            rule("A-04", "devices=['reference']\ncase='none'\n") +
                            rule("A-05", "devices=['reference']\ncase='later'\n"));
  std::vector<Rule> rules;
  ASSERT_TRUE(load_rules(root_, rules).ok());
  ASSERT_EQ(rules.size(), 5u);
  EXPECT_TRUE(rules[0].wants_case);
  EXPECT_TRUE(rules[1].wants_case);
  EXPECT_FALSE(rules[2].wants_case);
  EXPECT_FALSE(rules[3].wants_case);
  EXPECT_FALSE(rules[4].wants_case);
}

TEST_F(Data, AnErrorSaysFileLineAndWhatWasExpected) {
  write("rules/a.toml", "[[rule]]\nid='B-01'\n");
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
