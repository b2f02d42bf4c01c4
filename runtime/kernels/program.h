// The arithmetic of one fused task: a straight line of elementwise operations in SSA form, small on
// the wire. Built once on rank 0, evaluated tile by tile on every rank (evaluate.h).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/varint.h"
#include "runtime/kernels/op_table.h"

namespace rankine::kernels {

// A value is named by its number; numbers count up in the order of building. Equal constants, casts
// and operations are one value. At most 65,535 values. Not thread-safe while it is being built;
// immutable and shared by threads afterwards.
class Program {
 public:
  // Leaves are numbered by themselves too: the first added leaf is leaf 0 of evaluate().
  int add_leaf(DType dtype);
  // The literal converted to dtype (as convert.h does); a literal out of range wraps.
  int add_constant(const Literal& literal, DType dtype);
  // Casts the arguments to the compute type first. Throws a usage Error as infer_types does.
  int add(Op op, std::span<const int> arguments);
  int add(Op op, std::initializer_list<int> arguments) {
    return add(op, std::span<const int>(arguments.begin(), arguments.size()));
  }
  int add_cast(int value, DType dtype);  // NumPy's astype; the value itself if it has that type
  void add_output(int value);            // a value may be an output more than once

  DType dtype(int value) const { return values_[static_cast<std::size_t>(value)].dtype; }
  int value_count() const { return static_cast<int>(values_.size()); }
  int leaf_count() const { return static_cast<int>(leaves_.size()); }
  DType leaf_dtype(int leaf) const { return dtype(leaves_[static_cast<std::size_t>(leaf)]); }
  const std::vector<std::uint16_t>& outputs() const { return outputs_; }
  DType output_dtype(int output) const { return dtype(outputs_[static_cast<std::size_t>(output)]); }

  enum class Kind : std::uint8_t { kLeaf, kConstant, kCast, kOp };
  struct Value {
    Kind kind = Kind::kLeaf;
    DType dtype = DType::kFloat64;
    Op op = Op::kAdd;                          // kOp
    DType compute = DType::kFloat64;           // kOp: the type it is computed in
    std::array<std::uint16_t, 3> arguments{};  // kOp, kCast: values before this one
    std::uint64_t bits = 0;                    // kConstant: the element's bytes; kLeaf: its number
    bool operator==(const Value&) const = default;
  };
  const Value& value(int number) const { return values_[static_cast<std::size_t>(number)]; }
  static int argument_count(const Value& value);

  // Register allocation: the tile buffer that holds a cast or an operation; two values share one if
  // they are never live together. kNoSlot for leaves, constants and values no output needs.
  static constexpr int kNoSlot = -1;
  int slot(int value) const { return slots_[static_cast<std::size_t>(value)]; }
  int slot_count() const { return slot_count_; }
  bool needed(int value) const { return needed_[static_cast<std::size_t>(value)] != 0; }

  std::string print() const;  // one line per value: "%3 = add.float32 %0 %2"

  bool operator==(const Program& other) const {
    return values_ == other.values_ && outputs_ == other.outputs_;
  }
  template <class Archive>
  void save(Archive& archive) const;
  template <class Archive>
  void load(Archive& archive);

 private:
  int append(const Value& value);
  void check_argument(int value) const;
  // Throw an input Error if what was read is no program: the number of a value so far; a value.
  std::uint16_t checked_number(std::int64_t value) const;
  void check_loaded(const Value& value) const;
  void assign_slots();

  struct ValueHash {
    std::size_t operator()(const Value& value) const;
  };
  std::vector<Value> values_;
  std::unordered_map<Value, int, ValueHash> numbers_;  // of casts, operations and constants
  std::vector<std::uint16_t> leaves_;                  // value number of each leaf
  std::vector<std::uint16_t> outputs_;                 // value number of each output
  std::vector<int> slots_;  // per value; follows from the above, not on the wire
  std::vector<std::uint8_t> needed_;
  int slot_count_ = 0;
};

template <class Archive>
void Program::save(Archive& archive) const {
  archive(Varint{value_count()});
  for (const Value& value : values_) {
    archive(value.kind, value.dtype);
    if (value.kind == Kind::kConstant) archive(value.bits);
    if (value.kind == Kind::kOp) archive(value.op, value.compute);
    for (int i = 0; i < argument_count(value); ++i) {
      archive(Varint{value.arguments[static_cast<std::size_t>(i)]});
    }
  }
  archive(Varint{static_cast<std::int64_t>(outputs_.size())});
  for (std::uint16_t output : outputs_) archive(Varint{output});
}

template <class Archive>
void Program::load(Archive& archive) {
  *this = Program();
  Varint count;
  archive(count);
  for (std::int64_t n = 0; n < count.value; ++n) {
    Value value;
    archive(value.kind, value.dtype);
    if (value.kind == Kind::kConstant) archive(value.bits);
    if (value.kind == Kind::kOp) archive(value.op, value.compute);
    for (int i = 0; i < argument_count(value); ++i) {
      Varint argument;
      archive(argument);
      value.arguments[static_cast<std::size_t>(i)] = checked_number(argument.value);
    }
    check_loaded(value);
    if (value.kind == Kind::kLeaf) value.bits = leaves_.size();
    append(value);
  }
  archive(count);
  for (std::int64_t n = 0; n < count.value; ++n) {
    Varint output;
    archive(output);
    outputs_.push_back(checked_number(output.value));
  }
  assign_slots();
}

}  // namespace rankine::kernels
