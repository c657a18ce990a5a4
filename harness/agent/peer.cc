#include "agent/peer.h"

#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/tc_act/tc_sample.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

namespace va::agent {
namespace {

constexpr uint32_t kHoldBlock = 1;
constexpr uint32_t kDirectBlock = 2;
constexpr uint32_t kPacketBlock = 3;
constexpr uint32_t kPlugHandle = 0x10000;
constexpr uint32_t kNamedPriority = 1;
constexpr uint32_t kBallastPriority = 3;
constexpr uint32_t kRestPriority = 4;
constexpr int kTapsOfAKind = 2;  // one installed, one to swap to
// Bytes that may wait in one plug, and in all of them before a Program is ended: what waits takes
// the guest's memory.
constexpr uint32_t kPlugLimit = 32 << 20;
constexpr uint64_t kMostWaiting = 96 << 20;
// No frame that `avail` generates has it.
constexpr std::array<uint8_t, ETH_ALEN> kBallastAddress = {0x06, 'v', 'a', 's', 's', 'y'};
constexpr size_t kBallastFrame = 1024;
// Of a tap's send buffer. The last is the kernel's own, and means none.
constexpr int kSmallestBound = 1;
constexpr int kBound = 1 << 24;
constexpr int kNoBound = INT_MAX;
constexpr uint32_t kLongestPacket = 65535;
// What was released is waited for so long, and looked at so often: the guest may be stopped while
// its clock goes on.
constexpr auto kReleaseLimit = std::chrono::seconds(2);
constexpr int kReleaseLooks = 256;

tcmsg tc_message(int ifindex, uint32_t parent, uint32_t handle) {
  tcmsg message{};
  message.tcm_family = AF_UNSPEC;
  message.tcm_ifindex = ifindex;
  message.tcm_parent = parent;
  message.tcm_handle = handle;
  return message;
}

}  // namespace

Peer::Peer() : route_(NETLINK_ROUTE) {}

bool Peer::fail(const std::string& step, int error) {
  problem_ = step + ": " + std::strerror(error);
  return false;
}

bool Peer::set_up() {
  for (uint32_t slot = 0; slot < plugs_.size(); ++slot) {
    if (!set_up_plug(slot)) return false;
  }
  uint32_t number = 0;
  for (const bool holds : {true, false}) {
    for (const bool vnet : {true, false}) {
      for (int i = 0; i < kTapsOfAKind; ++i) {
        if (!set_up_tap(holds, vnet, number++)) return false;
      }
    }
  }
  for (uint32_t i = 0; i < kTapsOfAKind; ++i) {
    if (!set_up_packet(i)) return false;
  }
  return set_up_blocks() && wire_.set_up(problem_);
}

// dummy<slot>: up, with a blocked plug. In a guest it is there already (the module makes it).
bool Peer::set_up_plug(uint32_t slot) {
  Plug& plug = plugs_[slot];
  const std::string name = "dummy" + std::to_string(slot);
  plug.ifindex = interface_index(name);
  if (plug.ifindex == 0) {
    make_dummy(name);
    plug.ifindex = interface_index(name);
  }
  if (plug.ifindex == 0) return fail(name, ENODEV);
  batch_.begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
               tc_message(plug.ifindex, TC_H_ROOT, kPlugHandle));
  batch_.attr_text(TCA_KIND, "plug");
  batch_.attr_value(TCA_OPTIONS, tc_plug_qopt{TCQ_PLUG_LIMIT, kPlugLimit});
  batch_.finish();
  change_link(batch_, plug.ifindex, true);
  const int error = route_.request(batch_);
  return error == 0 || fail("plug on " + name, error);
}

void Peer::make_dummy(const std::string& name) {
  batch_.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch_.attr_text(IFLA_IFNAME, name);
  const size_t info = batch_.nest(IFLA_LINKINFO);
  batch_.attr_text(IFLA_INFO_KIND, "dummy");
  batch_.end_nest(info);
  batch_.finish();
  route_.request(batch_);
}

bool Peer::set_up_tap(bool holds, bool vnet, uint32_t number) {
  auto tap = std::make_unique<Tap>();
  tap->holds = holds;
  tap->vnet = vnet;
  const std::string name = "tap" + std::to_string(number);
  int error = open_tap(name, *tap);
  if (error != 0) return fail(name, error);
  batch_.begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
               tc_message(tap->ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0)));
  batch_.attr_text(TCA_KIND, "clsact");
  batch_.attr_value(TCA_INGRESS_BLOCK, holds ? kHoldBlock : kDirectBlock);
  batch_.finish();
  change_link(batch_, tap->ifindex, true);
  error = route_.request(batch_);
  if (error != 0) return fail("clsact on " + name, error);
  taps_.push_back(std::move(tap));
  return true;
}

bool Peer::set_up_packet(uint32_t number) {
  auto tap = std::make_unique<Tap>();
  const std::string name = "pout" + std::to_string(number);
  int error = open_packet(name, *tap);
  if (error != 0) return fail(name, error);
  batch_.begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
               tc_message(tap->ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0)));
  batch_.attr_text(TCA_KIND, "clsact");
  batch_.attr_value(TCA_EGRESS_BLOCK, kPacketBlock);
  batch_.finish();
  change_link(batch_, tap->ifindex, true, kLongestPacket - ETH_HLEN);
  error = route_.request(batch_);
  if (error != 0) return fail("clsact on " + name, error);
  taps_.push_back(std::move(tap));
  return true;
}

bool Peer::set_up_blocks() {
  for (uint32_t slot = 0; slot <= kSlots; ++slot) {
    add_filter(kHoldBlock, slot, Then::kWait);
    const int error = route_.request(batch_);
    if (error != 0) return fail("filter " + std::to_string(slot), error);
  }
  add_ballast_filter(kHoldBlock);
  add_ballast_filter(kDirectBlock);
  add_filter(kDirectBlock, kUnnamed, Then::kDrop);
  add_filter(kPacketBlock, kUnnamed, Then::kTake);
  const int error = route_.request(batch_);
  return error == 0 || fail("direct filter", error);
}

void Peer::begin_filter(uint32_t block, uint32_t priority, const char* kind) {
  tcmsg message = tc_message(static_cast<int>(TCM_IFINDEX_MAGIC_BLOCK), block, 0);
  message.tcm_info = TC_H_MAKE(priority << 16, __builtin_bswap16(ETH_P_ALL));
  batch_.begin(RTM_NEWTFILTER, NLM_F_CREATE, message);
  batch_.attr_text(TCA_KIND, kind);
}

// Action `number` of a filter: on to the slot's dummy.
void Peer::add_redirect(uint16_t number, uint32_t slot) {
  const size_t action = batch_.nest(number);
  batch_.attr_text(TCA_ACT_KIND, "mirred");
  const size_t mirred = batch_.nest(TCA_ACT_OPTIONS);
  tc_mirred target{};
  target.action = TC_ACT_STOLEN;
  target.eaction = TCA_EGRESS_REDIR;
  target.ifindex = static_cast<uint32_t>(plugs_[slot].ifindex);
  batch_.attr_value(TCA_MIRRED_PARMS, target);
  batch_.end_nest(mirred);
  batch_.end_nest(action);
}

void Peer::add_ballast_filter(uint32_t block) {
  begin_filter(block, kBallastPriority, "flower");
  const size_t options = batch_.nest(TCA_OPTIONS);
  constexpr std::array<uint8_t, ETH_ALEN> kAll = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  batch_.attr(TCA_FLOWER_KEY_ETH_DST, kBallastAddress.data(), ETH_ALEN);
  batch_.attr(TCA_FLOWER_KEY_ETH_DST_MASK, kAll.data(), ETH_ALEN);
  const size_t actions = batch_.nest(TCA_FLOWER_ACT);
  add_redirect(1, kBallast);
  batch_.end_nest(actions);
  batch_.end_nest(options);
  batch_.finish();
}

// Frames of ordinals equal to `slot` modulo 64 (kUnnamed: all that no other filter took) are
// sampled, then redirected to the slot's dummy, or dropped: a frame never reaches the stack. What a
// packet socket sends is not dropped but taken: a drop on the way out is an error of its send.
void Peer::add_filter(uint32_t block, uint32_t slot, Then then) {
  const bool named = slot != kUnnamed;
  const uint32_t priority = named ? kNamedPriority : kRestPriority;
  begin_filter(block, priority, named ? "flower" : "matchall");
  const size_t options = batch_.nest(TCA_OPTIONS);
  if (named) {
    const uint8_t mac[ETH_ALEN] = {2, 0, 0, 0, 0, static_cast<uint8_t>(slot)};
    const uint8_t mask[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0, kSlots - 1};
    batch_.attr(TCA_FLOWER_KEY_ETH_DST, mac, sizeof mac);
    batch_.attr(TCA_FLOWER_KEY_ETH_DST_MASK, mask, sizeof mask);
  }
  const size_t actions = batch_.nest(named ? uint16_t{TCA_FLOWER_ACT} : uint16_t{TCA_MATCHALL_ACT});
  const size_t first = batch_.nest(1);
  batch_.attr_text(TCA_ACT_KIND, "sample");
  const size_t sample = batch_.nest(TCA_ACT_OPTIONS);
  tc_sample parameters{};
  parameters.action = then == Then::kWait   ? TC_ACT_PIPE
                      : then == Then::kDrop ? TC_ACT_SHOT
                                            : TC_ACT_STOLEN;
  batch_.attr_value(TCA_SAMPLE_PARMS, parameters);
  batch_.attr_value(TCA_SAMPLE_RATE, uint32_t{1});
  batch_.attr_value(TCA_SAMPLE_PSAMPLE_GROUP, uint32_t{1});
  batch_.end_nest(sample);
  batch_.end_nest(first);
  if (then == Then::kWait) add_redirect(2, slot);
  batch_.end_nest(actions);
  batch_.end_nest(options);
  batch_.finish();
}

Tap* Peer::tap(bool holds, bool vnet, int header_size, const Tap* not_this) {
  for (const auto& tap : taps_) {
    if (tap->is_packet() || tap->holds != holds || tap->vnet != vnet || tap.get() == not_this) {
      continue;
    }
    set_header_size(*tap, header_size);
    if (tap->is_down) set_link(*tap, true);
    set_congested(*tap, false);
    return tap.get();
  }
  return nullptr;
}

Tap* Peer::packet(const Tap* not_this) {
  for (const auto& tap : taps_) {
    if (!tap->is_packet() || tap.get() == not_this) continue;
    clear_error(*tap);
    return tap.get();
  }
  return nullptr;
}

void Peer::set_link(Tap& tap, bool up) {
  tap.is_down = !up;
  change_link(batch_, tap.ifindex, up);
  route_.request(batch_);
}

// Without a bound the kernel builds small frames in a way of its own; so one is set first.
bool Peer::set_congested(Tap& tap, bool congested) {
  if (tap.is_full == congested) return true;
  tap.is_full = congested;
  if (!congested) {
    return ::ioctl(tap.fd.get(), TUNSETSNDBUF, &kNoBound) == 0 && empty(plugs_[kBallast]);
  }
  return ::ioctl(tap.fd.get(), TUNSETSNDBUF, &kBound) == 0 && send_ballast(tap) &&
         ::ioctl(tap.fd.get(), TUNSETSNDBUF, &kSmallestBound) == 0;
}

bool Peer::send_ballast(const Tap& tap) {
  const auto header = static_cast<size_t>(tap.header_size);
  std::array<uint8_t, 12 + kBallastFrame> frame{};
  std::copy(kBallastAddress.begin(), kBallastAddress.end(), frame.data() + header);
  const size_t len = header + kBallastFrame;
  return ::write(tap.fd.get(), frame.data(), len) == static_cast<ssize_t>(len);
}

bool Peer::take_frames(std::vector<FrameFacts>& frames) {
  seen_.clear();
  const bool complete = wire_.take(seen_);
  for (const WireFrame& frame : seen_) {
    frames.push_back(frame.facts);
    for (const auto& tap : taps_) {
      if (tap->holds && tap->ifindex == frame.ifindex) note_held(frame.facts);
    }
  }
  return complete;
}

// What the plug has no room for it drops, which completes it (net/sched/sch_plug.c, plug_enqueue).
void Peer::note_held(const FrameFacts& frame) {
  Plug& plug = plugs_[slot_of(frame.ordinal)];
  if (plug.bytes + frame.len > kPlugLimit) {
    overflow_ = true;
    return;
  }
  if (plug.waiting > 0 && plug.ordinal != frame.ordinal) collision_ = true;
  plug.ordinal = frame.ordinal;
  plug.bytes += frame.len;
  waiting_ += frame.len;
  overflow_ |= waiting_ > kMostWaiting;
  ++plug.waiting;
  order_.push_back(frame.ordinal);
}

uint32_t Peer::held(uint32_t ordinal) const {
  const Plug& plug = plugs_[slot_of(ordinal)];
  return plug.ordinal == ordinal ? plug.waiting : 0;
}

// The queue's own count of bytes says when what was queued is gone. The interface's counters do
// not: what is to be segmented goes out as many packets, or as none if it cannot be (the driver's
// header may ask for it), and what found no room never was in the queue.
bool Peer::count(const Plug& plug, Count& out) {
  batch_.begin(RTM_GETQDISC, NLM_F_ECHO, tc_message(plug.ifindex, TC_H_ROOT, kPlugHandle));
  batch_.finish();
  if (route_.query(batch_, reply_) != 0 || reply_.size() < sizeof(tcmsg)) return false;
  gnet_stats_basic gone{};
  gnet_stats_queue queue{};
  const std::span<const uint8_t> attrs = std::span(reply_).subspan(sizeof(tcmsg));
  for_each_attr(attrs, [&](uint16_t type, std::span<const uint8_t> stats) {
    if (type != TCA_STATS2) return;
    for_each_attr(stats, [&](uint16_t kind, std::span<const uint8_t> value) {
      if (kind == TCA_STATS_BASIC) read_attr(value, gone);
      if (kind == TCA_STATS_QUEUE) read_attr(value, queue);
    });
  });
  out = {gone.bytes, queue.backlog};
  return true;
}

// BUFFER closes the epoch of what is queued, RELEASE_ONE lets that epoch go: what comes later waits
// again, without a moment in which the plug is open.
bool Peer::empty(const Plug& plug) {
  Count before;
  if (!count(plug, before)) return false;
  for (const int action : {TCQ_PLUG_BUFFER, TCQ_PLUG_RELEASE_ONE}) {
    batch_.begin(RTM_NEWQDISC, 0, tc_message(plug.ifindex, TC_H_ROOT, kPlugHandle));
    batch_.attr_value(TCA_OPTIONS, tc_plug_qopt{action, 0});
    batch_.finish();
  }
  return route_.request(batch_) == 0 && wait_until_gone(plug, before.gone + before.queued);
}

bool Peer::release(uint32_t ordinal) {
  Plug& plug = plugs_[slot_of(ordinal)];
  std::erase_if(order_, [&](uint32_t held) { return slot_of(held) == slot_of(ordinal); });
  plug.waiting = 0;
  waiting_ -= std::exchange(plug.bytes, 0);
  return empty(plug);
}

// The packets leave from a soft interrupt some time after the answer. That makes the device run,
// which may submit more to the same plug.
bool Peer::wait_until_gone(const Plug& plug, uint64_t bytes) {
  const auto limit = std::chrono::steady_clock::now() + kReleaseLimit;
  Count now;
  for (int looks = 0; !count(plug, now) || now.gone < bytes; ++looks) {
    if (looks > kReleaseLooks && std::chrono::steady_clock::now() > limit) return false;
    ::sched_yield();
  }
  return true;
}

bool Peer::release_oldest() {
  return order_.empty() || release(order_.front());
}

void Peer::reset_links() {
  for (const auto& tap : taps_) {
    if (tap->is_down) set_link(*tap, true);
    set_congested(*tap, false);
  }
}

bool Peer::reset() {
  bool clean = true;
  while (anything_held() && clean) clean = release_oldest();
  reset_links();
  collision_ = overflow_ = false;
  return clean;
}

}  // namespace va::agent
