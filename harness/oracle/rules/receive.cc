#include "oracle/rules/receive.h"

#include <algorithm>

#include "oracle/rules/buffers.h"

namespace va::oracle {
namespace {

constexpr size_t kNames = 0x10000;  // a frame carries 16 bits of its ordinal

bool merges(const Model& model) {
  return (model.acked_features() & kBitMrgRxbuf) != 0;
}

// The backend may lose frames that it had before its last change, or that the Program told it to.
bool excused(const QueueModel& q, uint32_t injected_at) {
  return injected_at < q.backend_changed_at || q.drops_allowed != 0;
}

// A frame may be dropped that is longer than a buffer, or with MRG_RXBUF than as many small pieces
// as a device may take for one packet (UIO_MAXIOV, of which chains may use half without a doubt).
bool fits_everywhere(Model& model, const QueueModel& q, uint64_t bytes, bool merge) {
  constexpr uint64_t kPieces = 512;
  return std::all_of(q.order.begin(), q.order.end(), [&](uint32_t serial) {
    const Request& r = model.request(serial);
    return merge ? r.room * kPieces >= bytes * r.parts : r.room >= bytes;
  });
}

// Of a buffer without a name it is not known whether it was posted, to this backend or the last.
bool may_post_ahead(const QueueModel& q, const Context& context) {
  return posts_ahead(q, context) ||
         (uses_on_arrival(context) && (q.duty.broken & kRoomForName) != 0);
}

std::string name(size_t ordinal) {
  return "frame #" + std::to_string(ordinal);
}

}  // namespace

void ReceiveRules::begin() {
  if (++run_ == 0) {  // which a long campaign may see
    for (Account& each : accounts_) each.run = 0;
    run_ = 1;
  }
  extents_.clear();
}

ReceiveRules::Account& ReceiveRules::account(Context& context, Queue queue) {
  Account& a = accounts_[queue % kQueues];
  const uint32_t life = context.model.queue(queue).life;
  if (a.run != run_) {
    a.run = run_;
    a.injected.clear();
    a.next = a.nameless = 0;
    a.life = life + 1;
  }
  if (a.life != life) {
    a.life = life;
    a.used.clear();
    a.first = a.packet = a.buffers = 0;
  }
  return a;
}

void ReceiveRules::injected(Context& context, const Event& event, uint32_t number) {
  const bool made = context.model.op(event.op).code != Opcode::kInject;
  account(context, event.queue)
      .injected.push_back({static_cast<uint32_t>(event.arg[1]), number, false, made});
}

// ---- buffers ---------------------------------------------------------------------------------

void ReceiveRules::write(Context& context, const Event& event, uint32_t number) {
  if (!context.report.sees(kEveryStore)) return;
  uint64_t gpa = event.arg[0];
  for (uint64_t left = event.arg[1]; left != 0;) {
    const BufferPlace place = find_open_buffer(context.model, gpa);
    if (place.request == nullptr) return;
    const uint64_t n = std::min(left, place.len);
    const uint32_t serial = context.model.serial(*place.request);
    Extent* last = extents_.empty() ? nullptr : &extents_.back();
    if (last != nullptr && last->serial == serial && last->to == place.offset) {
      last->to += n;
      last->at = number;
    } else {
      extents_.push_back({serial, number, place.offset, place.offset + n});
    }
    gpa += n;
    left -= n;
  }
}

// How many bytes were stored without a gap from the first on.
uint64_t ReceiveRules::written(uint32_t serial) const {
  uint64_t end = 0;
  for (bool grown = true; grown;) {
    grown = false;
    for (const Extent& e : extents_) {
      if (e.serial != serial || e.from > end || e.to <= end) continue;
      end = e.to;
      grown = true;
    }
  }
  return end;
}

// When it was stored into last.
uint32_t ReceiveRules::stored_last(uint32_t serial) const {
  uint32_t last = 0;
  for (const Extent& e : extents_) {
    if (e.serial == serial) last = std::max(last, e.at);
  }
  return last;
}

void ReceiveRules::used(Context& context, const Request& r, uint32_t number) {
  Account& a = account(context, r.queue);
  const uint32_t serial = context.model.serial(r);
  const uint64_t bytes = written(serial);
  const uint32_t stored_at = stored_last(serial);
  std::erase_if(extents_, [serial](const Extent& e) { return e.serial == serial; });
  a.used.push_back(
      {serial, number, stored_at, bytes, context.model.header_length(), merges(context.model)});
  if (r.used_len == kUnknownLen) return;
  const bool every_store = context.report.sees(kEveryStore | kMemory);
  const uint64_t most = every_store ? bytes : r.room;
  if (r.used_len <= most) return;
  if (Finding* f = context.report.open(Rule::kUsd03, VerdictKind::kFail, r.queue, context.op)) {
    f->expected = describe(r) + " is used with at most " + std::to_string(most) + ", " +
                  (every_store ? "the bytes that were written into it" : "the bytes that it takes");
    f->actual = "len " + std::to_string(r.used_len);
  }
}

// Whether the driver changed a buffer of the packet that was taken last.
bool ReceiveRules::is_void(Model& model, const Account& a) {
  const auto first = a.used.begin() + static_cast<ptrdiff_t>(a.packet);
  return std::any_of(first, first + static_cast<ptrdiff_t>(a.buffers),
                     [&](const Used& used) { return model.request(used.serial).content_void; });
}

void ReceiveRules::received(Context& context, const Event& event) {
  Account& a = account(context, event.queue);
  const uint64_t id = event.arg[0];
  const uint64_t claimed = event.arg[1];
  // A buffer that came back empty holds no packet.
  const auto begins = [&](const Used& used) {
    const Request& r = context.model.request(used.serial);
    return r.head == id && r.used_len != 0;
  };
  size_t at = a.first;
  while (at < a.used.size() && !begins(a.used[at])) ++at;
  a.buffers = 0;
  if (at == a.used.size()) return;  // where a trace samples, entries may be shown later
  a.packet = at;
  a.buffers = std::clamp<size_t>(claimed, 1, a.used.size() - at);
  a.first = at + a.buffers;
  if (is_void(context.model, a)) return;
  check_num_buffers(context, event.queue, a, claimed);
  check_header(context, event);
  if (!a.used[at].merges) return;
  check_parts(context, event, a);
  for (size_t i = at; i + 1 < a.first; ++i) {
    const Request& r = context.model.request(a.used[i].serial);
    if (r.used_len == kUnknownLen || r.used_len >= r.room) continue;
    if (Finding* f = context.report.open(Rule::kNet03, VerdictKind::kFail, event.queue, event.op)) {
      f->expected = describe(r) +
                    ", not the last of its packet, is filled: " + std::to_string(r.room) + " bytes";
      f->actual = "len " + std::to_string(r.used_len);
    }
    return;
  }
}

// A part that was stored when another was used already.
void ReceiveRules::check_parts(Context& context, const Event& event, const Account& a) {
  for (size_t i = a.packet; i < a.first; ++i) {
    if (a.used[i].stored_at <= a.used[a.packet].at) continue;
    if (Finding* f = context.report.open(Rule::kAsy06, VerdictKind::kFail, event.queue, event.op)) {
      f->expected = "all parts of the packet are written when its first, " +
                    describe(context.model.request(a.used[a.packet].serial)) + ", is used";
      f->actual =
          describe(context.model.request(a.used[i].serial)) + " was written into afterwards";
    }
    return;
  }
}

// Only the driver's offloads (5.1.3) let the device say anything about checksum or segments.
void ReceiveRules::check_header(Context& context, const Event& event) {
  constexpr uint64_t kGuestCsum = uint64_t{1} << 1;
  constexpr uint64_t kRscExt = uint64_t{1} << 61;
  constexpr uint64_t kRscInfo = 4;                                             // of flags
  constexpr uint64_t kGuestSegments = uint64_t{0xb} << 7 | uint64_t{3} << 54;  // TSO, UFO, USO
  const struct {
    Rule rule;
    uint64_t features;
    const char* field;
    uint64_t value;
  } fields[] = {{Rule::kNet06, kGuestCsum, "flags", event.arg[2] & 0xff},
                {Rule::kNet07, kGuestSegments, "gso_type", event.arg[2] >> 8 & 0xff},
                {Rule::kNet09, kRscExt, "RSC_INFO", event.arg[2] & kRscInfo}};
  for (const auto& each : fields) {
    if (each.value == 0 || (context.model.acked_features() & each.features) != 0) continue;
    if (Finding* f = context.report.open(each.rule, VerdictKind::kFail, event.queue, event.op)) {
      f->expected = std::string(each.field) + " 0: the driver has acked no offload for it";
      f->actual = std::string(each.field) + " " + hex16(each.value);
    }
  }
}

void ReceiveRules::check_num_buffers(Context& context, Queue queue, const Account& a,
                                     uint64_t claimed) {
  const bool merge = a.used[a.packet].merges;
  const size_t there = a.used.size() - a.packet;
  if (!merge && claimed == 1) return;
  const bool possible = claimed != 0 && claimed <= context.model.queue(queue).num;
  if (merge && possible && (claimed <= there || !context.report.sees(kEveryStore))) return;
  const Rule rule = !merge ? Rule::kNet01 : possible ? Rule::kNet04 : Rule::kNet02;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
    f->expected = !merge     ? "num_buffers 1: MRG_RXBUF is not negotiated"
                  : possible ? "all " + std::to_string(claimed) + " buffers of the packet are used"
                             : "num_buffers from 1 to the queue size";
    f->actual = possible && merge ? std::to_string(there) + " are"
                                  : "num_buffers " + std::to_string(claimed);
  }
}

// ---- frames ----------------------------------------------------------------------------------

void ReceiveRules::frame(Context& context, const Event& event) {
  const Queue queue = event.queue;
  Account& a = account(context, queue);
  QueueModel& q = context.model.queue(queue);
  const auto ordinal = static_cast<size_t>(event.arg[0]);
  // Which frame it was nobody can tell any more, nor which are still to come.
  if (is_void(context.model, a)) return q.duty.breach(kNamed, event.op);
  const bool judged =
      context.report.may_judge(Rule::kNet23, queue) && !q.unsure && a.injected.size() <= kNames;
  if (!judged) {  // it came all the same
    if (ordinal >= a.injected.size()) return;
    a.injected[ordinal].received = true;
    if (!a.injected[ordinal].made) a.next = std::max(a.next, ordinal + 1);
    return;
  }
  // Cut off before its name, it is one of those that seem to be missing.
  const bool ahead = may_post_ahead(q, context) ||
                     (a.buffers != 0 && context.model.request(a.used[a.packet].serial).submitted);
  if (event.arg[0] == kNoOrdinal && event.arg[1] < kFrameHead && ahead) {
    ++a.nameless;
    return;
  }
  if (ordinal >= a.injected.size() || a.injected[ordinal].received) {
    if (Finding* f = context.report.open(Rule::kNet23, VerdictKind::kFail, queue, event.op)) {
      f->expected = "a frame that the backend had for the driver, once";
      f->actual = event.arg[0] == kNoOrdinal     ? "a packet that is none of them"
                  : ordinal >= a.injected.size() ? name(ordinal) + ", which it never had"
                                                 : name(ordinal) + " a second time";
    }
    return;
  }
  Injected& sent = a.injected[ordinal];
  sent.received = true;
  // One that a backend made while it was waited for comes beside those of its successor.
  if (!sent.made) check_order(context, event, a, ordinal);
  check_length(context, event, a, sent.len);
  const uint32_t fill = fill_of(static_cast<uint32_t>(ordinal));
  if (event.arg[1] <= kFrameHead || event.arg[2] == fill) return;
  if (Finding* f = context.report.open(Rule::kNet23, VerdictKind::kFail, queue, event.op)) {
    f->expected = name(ordinal) + " filled with " + hex16(fill);
    f->actual = event.arg[2] == kMixed ? "several values" : hex16(event.arg[2]);
  }
}

// Whether more buffers than num_buffers said, published together, hold exactly `bytes`.
bool ReceiveRules::spread_further(Model& model, const Account& a, uint64_t bytes) const {
  uint64_t sum = 0;
  for (size_t i = a.packet; i < a.used.size() && a.used[i].at == a.used[a.packet].at; ++i) {
    sum += model.request(a.used[i].serial).used_len;
    if (sum == bytes) return i >= a.packet + a.buffers;
  }
  return false;
}

// A frame may be cut off where its buffers were posted ahead of it, and are full.
void ReceiveRules::check_length(Context& context, const Event& event, const Account& a,
                                uint32_t sent) {
  const uint64_t got = event.arg[1];
  if (got == sent) return;
  Model& model = context.model;
  bool full = true;
  bool ahead = may_post_ahead(model.queue(event.queue), context);
  uint64_t written = 0;
  for (size_t i = a.packet; i < a.packet + a.buffers; ++i) {
    const Request& r = model.request(a.used[i].serial);
    full = full && r.used_len >= r.room;
    ahead = ahead || r.submitted;  // to a backend that was replaced since
    written += a.used[i].written;
  }
  const bool merge = a.buffers != 0 && a.used[a.packet].merges;
  const uint64_t header = a.buffers != 0 ? a.used[a.packet].header : model.header_length();
  const uint64_t bytes = sent + header;
  const bool spread = merge && got < sent && spread_further(model, a, bytes);
  if (got < sent && full && ahead && !spread) return;
  if (got < sent && written >= bytes) {
    if (Finding* f =
            context.report.open(Rule::kUsd04, VerdictKind::kNonStrict, event.queue, event.op)) {
      f->expected = "len counts the " + std::to_string(written) + " bytes that were written";
      f->actual = "the driver finds " + std::to_string(got) + " bytes of frame";
    }
  }
  const bool wrong_count = spread || (merge && got > sent && a.buffers > 1);
  if (Finding* f = context.report.open(wrong_count ? Rule::kNet02 : Rule::kNet23,
                                       VerdictKind::kFail, event.queue, event.op)) {
    f->expected = name(static_cast<size_t>(event.arg[0])) + " of " + std::to_string(sent) +
                  " bytes" + (wrong_count ? ", in as many buffers as num_buffers says" : "");
    f->actual = std::to_string(got) + " bytes in " + std::to_string(a.buffers) + " buffers";
  }
}

// Frames before `ordinal` that are missing were left out; those behind it that the driver has
// overtook it.
void ReceiveRules::check_order(Context& context, const Event& event, Account& a, size_t ordinal) {
  QueueModel& q = context.model.queue(event.queue);
  // Where the packet is read after the device was reset, the features are gone.
  const bool known = a.buffers != 0;
  const bool merge = known ? a.used[a.packet].merges : merges(context.model);
  const uint32_t header = known ? a.used[a.packet].header : context.model.header_length();
  // What a backend has that is waited for comes beside the frames of its successor.
  if (q.starting != 0) {
    a.next = std::max(a.next, ordinal + 1);
    return;
  }
  const bool overtaken = ordinal < a.next && a.injected[ordinal].at >= q.backend_changed_at;
  size_t left_out = kNames;
  for (size_t i = a.next; i < ordinal; ++i) {
    const Injected& before = a.injected[i];
    const uint64_t bytes = uint64_t{before.len} + header;
    if (before.received || before.made || excused(q, before.at) ||
        !fits_everywhere(context.model, q, bytes, merge)) {
      continue;
    }
    if (a.nameless != 0) {
      --a.nameless;
      continue;
    }
    left_out = std::min(left_out, i);
  }
  a.next = std::max(a.next, ordinal + 1);
  if (!overtaken && left_out == kNames) return;
  if (Finding* f = context.report.open(Rule::kPol03, VerdictKind::kFail, event.queue, event.op)) {
    f->expected = (overtaken ? name(ordinal) + " before those that the backend had later"
                             : name(left_out) + " before " + name(ordinal));
    f->actual = overtaken ? "it comes after them" : "it was left out";
  }
}

// ---- progress --------------------------------------------------------------------------------

void ReceiveRules::idle(Context& context) {
  for (const Queue queue : context.model.live_queues()) {
    if ((queue & 1) == 0 || accounts_[queue].run != run_) continue;
    check_delivery(context, queue, account(context, queue));
  }
}

// A backend that delivers by itself has nothing to wait for: the frame that waits longest goes into
// the buffers that are there, if these take it and the device was woken after both had come.
void ReceiveRules::check_delivery(Context& context, Queue queue, Account& a) {
  Model& model = context.model;
  QueueModel& q = model.queue(queue);
  if (!context.report.may_judge(Rule::kPol04, queue) || model.pending_calls() != 0) return;
  if (!q.running() || q.unsure || q.congested || posts_ahead(q, context)) return;
  if (a.nameless != 0) return;  // which frame waits is not known
  const bool unread = std::any_of(a.injected.begin(), a.injected.end(),
                                  [](const Injected& each) { return each.made && !each.received; });
  if (unread) return;
  // What the driver has not read yet stands for the frames next in turn.
  size_t waiting = a.next;
  const uint64_t header = model.header_length();
  size_t i = a.first;
  const auto skip_empty = [&] {
    while (i < a.used.size() && model.request(a.used[i].serial).used_len == 0) ++i;
  };
  for (skip_empty(); i < a.used.size() && waiting < a.injected.size(); ++waiting, skip_empty()) {
    if (a.injected[waiting].made) continue;
    const uint64_t bytes = header + a.injected[waiting].len;
    // One that may be lost may not be what was used.
    if (excused(q, a.injected[waiting].at) || !fits_everywhere(model, q, bytes, a.used[i].merges))
      return;
    for (uint64_t sum = 0; i < a.used.size() && sum < bytes; ++i) {
      const uint64_t len = model.request(a.used[i].serial).used_len;
      sum = len == kUnknownLen ? bytes : sum + len;
    }
  }
  while (waiting < a.injected.size() && a.injected[waiting].made) ++waiting;
  if (waiting >= a.injected.size()) return;
  const Injected& frame = a.injected[waiting];
  if (excused(q, frame.at) || !fits_everywhere(model, q, header + frame.len, merges(model))) return;
  uint64_t room = 0;
  const Request* last = nullptr;
  for (size_t k = q.first_open; k < q.order.size() && room < header + frame.len; ++k) {
    const Request& r = model.request(q.order[k]);
    if (r.used) continue;
    room += r.room;
    last = &r;
  }
  if (last == nullptr || room < header + frame.len) return;
  const auto behind = static_cast<uint16_t>(q.kicked - last->position);
  const bool kicked = q.kicked_since_start && behind != 0 && behind <= q.num;
  if (!kicked && frame.at < last->exposed_at) return;
  if (Finding* f = context.report.open(Rule::kPol04, VerdictKind::kFail, queue, context.op)) {
    f->expected = name(waiting) + " in the buffers that are there, from " +
                  describe(*model.oldest_open(q)) + " on";
    f->actual = "it waits, and the device is idle";
  }
}

}  // namespace va::oracle
