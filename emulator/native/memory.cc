// Guest-physical memory and block tables, as seen from JavaScript.
#include <sys/mman.h>

#include "machine.h"

namespace melf {
namespace {

void Unmap(napi_env, void* data, void*) {
  auto* memory = static_cast<Memory*>(data);
  munmap(memory->base, memory->size);
  delete memory;
}

// createMemory(bytes) -> handle
napi_value CreateMemory(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  double bytes = 0;
  napi_get_value_double(env, arg, &bytes);
  auto* memory = new Memory;
  memory->size = static_cast<uint64_t>(bytes);
  void* base = mmap(nullptr, memory->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    delete memory;
    napi_throw_error(env, "ENOMEM", "the host cannot reserve the guest's physical memory");
    return nullptr;
  }
  madvise(base, memory->size, MADV_NOHUGEPAGE);  // a huge page would commit 512 frames for one
  memory->base = static_cast<uint8_t*>(base);
  napi_value handle;
  napi_create_external(env, memory, Unmap, nullptr, &handle);
  return handle;
}

// memoryBuffer(handle) -> ArrayBuffer over all of it; the caller keeps the handle alive as long as the buffer.
napi_value MemoryBuffer(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg, buffer;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  Memory* memory = nullptr;
  napi_get_value_external(env, arg, reinterpret_cast<void**>(&memory));
  napi_create_external_arraybuffer(env, memory->base, memory->size, nullptr, nullptr, &buffer);
  return buffer;
}

// releaseFrames(handle, first, count): gives the host's pages back; they read as zero afterwards.
napi_value ReleaseFrames(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Memory* memory = nullptr;
  uint32_t first = 0, count = 0;
  napi_get_value_external(env, args[0], reinterpret_cast<void**>(&memory));
  napi_get_value_uint32(env, args[1], &first);
  napi_get_value_uint32(env, args[2], &count);
  madvise(memory->base + (uint64_t{first} << kPageShift), uint64_t{count} << kPageShift, MADV_DONTNEED);
  return nullptr;
}

BlockTable* TableOf(napi_env env, napi_value value) {
  BlockTable* table = nullptr;
  napi_get_value_external(env, value, reinterpret_cast<void**>(&table));
  return table;
}

// createBlockTable(counters) -> handle
napi_value CreateBlockTable(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg, handle;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  uint32_t counters = 0;
  napi_get_value_uint32(env, arg, &counters);
  auto* table = new BlockTable;
  table->counters.assign(counters, 0);
  table->hits.assign(counters, 0);
  table->clear();
  napi_create_external(env, table, [](napi_env, void* data, void*) { delete static_cast<BlockTable*>(data); }, nullptr, &handle);
  return handle;
}

// blockCounters(handle) -> ArrayBuffer of doubles, one per counter
napi_value BlockCounters(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg, buffer;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  BlockTable* table = TableOf(env, arg);
  napi_create_external_arraybuffer(env, table->counters.data(), table->counters.size() * sizeof(double), nullptr, nullptr, &buffer);
  return buffer;
}

// watchAddresses(handle, Float64Array): blocks that begin there may have counters
napi_value WatchAddresses(napi_env env, napi_callback_info info) {
  size_t argc = 2, count = 0;
  napi_value args[2];
  void* addresses = nullptr;
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  BlockTable* table = TableOf(env, args[0]);
  napi_get_typedarray_info(env, args[1], nullptr, &count, &addresses, nullptr, nullptr);
  const auto* va = static_cast<const double*>(addresses);
  for (size_t i = 0; i < count; i++) table->watched.insert(static_cast<uint64_t>(va[i]));
  table->clear();
  return nullptr;
}

// foldCounters(handle): adds what translated code has counted since the last time to the counters
napi_value FoldCounters(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  BlockTable* table = TableOf(env, arg);
  for (size_t i = 0; i < table->hits.size(); i++) {
    table->counters[i] += static_cast<double>(table->hits[i]);
    table->hits[i] = 0;
  }
  return nullptr;
}

// clearBlockTable(handle): code at some address changed
napi_value ClearBlockTable(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  TableOf(env, arg)->clear();
  return nullptr;
}

}  // namespace

void BlockTable::clear() {
  front.assign(kSlots, BlockCost{~uint64_t{0}, 0, -1, 0, 0});
  all.clear();
  generation++;
}

void DefineMemory(napi_env env, napi_value exports) {
  Export(env, exports, "createMemory", CreateMemory);
  Export(env, exports, "memoryBuffer", MemoryBuffer);
  Export(env, exports, "releaseFrames", ReleaseFrames);
  Export(env, exports, "createBlockTable", CreateBlockTable);
  Export(env, exports, "blockCounters", BlockCounters);
  Export(env, exports, "watchAddresses", WatchAddresses);
  Export(env, exports, "foldCounters", FoldCounters);
  Export(env, exports, "clearBlockTable", ClearBlockTable);
}

}  // namespace melf
