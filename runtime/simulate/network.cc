#include "runtime/simulate/network.h"

#include <algorithm>
#include <cmath>

namespace rankine::simulate {

Network::Network(const Machine& machine, Draws& draws)
    : bytes_per_ns_(machine.gigabytes_per_s),
      latency_ns_(std::llround(machine.latency_us * 1e3)),
      draws_(draws),
      out_free_ns_(static_cast<std::size_t>(machine.ranks), 0),
      in_free_ns_(static_cast<std::size_t>(machine.ranks), 0) {}

std::int64_t Network::wire_ns(std::int64_t bytes) const {
  return std::llround(static_cast<double>(bytes) / bytes_per_ns_);
}

Network::Sent Network::leave(int from, std::int64_t bytes, std::int64_t now_ns) {
  const std::int64_t start = std::max(now_ns, out_free_ns_[from]);
  out_free_ns_[from] = start + wire_ns(bytes);
  return {out_free_ns_[from], start + latency_ns_ + draws_.delay_ns()};
}

Network::Sent Network::send_packet(int from, int to, std::int64_t bytes, std::int64_t now_ns) {
  Sent sent = from == to ? Sent{now_ns, now_ns} : leave(from, bytes, now_ns);
  Line& line = lines_[line_key(from, to)];
  ++line.under_way;
  line.last_ns = sent.reaches_ns = std::max(line.last_ns, sent.reaches_ns);
  return sent;
}

Network::Sent Network::send_bulk(int from, int, std::int64_t bytes, std::int64_t now_ns) {
  return leave(from, bytes, now_ns);
}

std::int64_t Network::reached(int to, std::int64_t bytes, std::int64_t now_ns) {
  return in_free_ns_[to] = std::max(now_ns, in_free_ns_[to]) + wire_ns(bytes);
}

// A line without packets is forgotten: what is sent later reaches later.
std::int64_t Network::reached_packet(int from, int to, std::int64_t bytes, std::int64_t now_ns) {
  const auto line = lines_.find(line_key(from, to));
  if (--line->second.under_way == 0) lines_.erase(line);
  return from == to ? now_ns : reached(to, bytes, now_ns);
}

}  // namespace rankine::simulate
