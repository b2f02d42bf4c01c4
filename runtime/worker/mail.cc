#include "runtime/worker/mail.h"

namespace rankine::worker {

Mail::Mail(collectives::Communicator& communicator) : communicator_(communicator) {
  for (int rank = 0; rank < communicator.size(); ++rank) {
    writers_.emplace_back(collectives::kPacketLimit);
  }
}

void Mail::send(int to, const protocol::Message& message, std::span<const std::byte> payload) {
  if (writers_[to].empty()) written_.push_back(to);
  writers_[to].add(message, payload, [&](std::span<const std::byte> packet) {
    communicator_.send_packet(to, packet);
  });
}

void Mail::flush() {
  for (const int to : written_) {
    writers_[to].flush(
        [&](std::span<const std::byte> packet) { communicator_.send_packet(to, packet); });
  }
  written_.clear();
}

}  // namespace rankine::worker
