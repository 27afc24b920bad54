// One core = one Unicorn engine with its own page-table root. Every core of a machine runs on one host thread.
#include <sys/mman.h>

#include <new>

#include "machine.h"

namespace melf {

namespace {

void OnX86Syscall(uc_engine* uc, void* data) {
  auto* core = static_cast<Core*>(data);
  core->exit = Exit::kSyscall;
  uc_emu_stop(uc);
}

// rdtsc, rdtscp: virtual time instead of the host's. Returning 1 skips the engine's own.
int OnTimeStamp(uc_engine* uc, void* data) {
  auto* core = static_cast<Core*>(data);
  BringOut(core);
  const auto ticks = static_cast<uint64_t>(core->box.cycles + core->box.tscBase);
  const uint64_t low = ticks & 0xffffffff, high = ticks >> 32;
  uc_reg_write(uc, UC_X86_REG_RAX, &low);
  uc_reg_write(uc, UC_X86_REG_RDX, &high);
  return 1;
}

void OnInterrupt(uc_engine* uc, uint32_t number, void* data) {
  auto* core = static_cast<Core*>(data);
  constexpr uint32_t kArmSvc = 2;
  core->exit = core->aarch64 && number == kArmSvc ? Exit::kSyscall : Exit::kInterrupt;
  core->box.interrupt = number;
  uc_emu_stop(uc);
}

uint64_t OnPortRead(uc_engine*, uint64_t, unsigned, void*) { return 0; }

void OnPortWrite(uc_engine*, uint64_t offset, unsigned, uint64_t value, void* data) {
  auto* core = static_cast<Core*>(data);
  napi_handle_scope scope;
  napi_open_handle_scope(core->env, &scope);
  napi_value args[2] = {Number(core->env, static_cast<double>(offset)), Number(core->env, static_cast<double>(value))};
  Call(core, core->onPort, 2, args);
  napi_close_handle_scope(core->env, scope);
}

Core* CoreOf(napi_env env, napi_callback_info info, size_t argc, napi_value* argv) {
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  Core* core = nullptr;
  napi_get_value_external(env, argv[0], reinterpret_cast<void**>(&core));
  return core;
}

bool Check(napi_env env, uc_err error, const char* what) {
  if (error == UC_ERR_OK) return true;
  std::string text = std::string(what) + ": " + uc_strerror(error);
  napi_throw_error(env, "UNICORN", text.c_str());
  return false;
}

template <typename Callback>
uc_err Hook(Core* core, int type, Callback callback, uint64_t begin = 1, uint64_t end = 0, int instruction = 0) {
  uc_hook hook;
  return uc_hook_add(core->uc, &hook, type, reinterpret_cast<void*>(callback), core, begin, end, instruction);
}

// Reads the registers of a syscall into the mailbox: number, six arguments, stack pointer.
void ReadSyscall(Core* core) {
  static int x86[8] = {UC_X86_REG_RAX, UC_X86_REG_RDI, UC_X86_REG_RSI, UC_X86_REG_RDX,
                       UC_X86_REG_R10, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_RSP};
  static int arm[8] = {UC_ARM64_REG_X8, UC_ARM64_REG_X0, UC_ARM64_REG_X1, UC_ARM64_REG_X2,
                       UC_ARM64_REG_X3, UC_ARM64_REG_X4, UC_ARM64_REG_X5, UC_ARM64_REG_SP};
  int64_t values[8] = {};
  void* pointers[8];
  for (int i = 0; i < 8; i++) pointers[i] = &values[i];
  uc_reg_read_batch(core->uc, core->aarch64 ? arm : x86, pointers, 8);
  core->box.sysno = static_cast<double>(values[0]);
  for (int i = 0; i < 6; i++) core->box.arg[i] = static_cast<double>(values[i + 1]);
  core->box.sp = static_cast<double>(values[7]);
}

void DropTranslations(Core* core) {
  uc_ctl_flush_tb(core->uc);
  core->blocks.clear();
  core->hot->last = Hot::kNoBlock;
}

uint64_t Pc(Core* core) {
  uint64_t pc = 0;
  uc_reg_read(core->uc, core->aarch64 ? static_cast<int>(UC_ARM64_REG_PC) : static_cast<int>(UC_X86_REG_RIP), &pc);
  return pc;
}

// A page of its own; with the flag an address of 31 bits, if there is one left.
Hot* NewHot() {
  void* page = MAP_FAILED;
#ifdef MAP_32BIT
  page = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
#endif
  if (page == MAP_FAILED) page = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? nullptr : new (page) Hot;
}

// The engine goes; the mailbox stays readable for as long as the handle lives.
void Close(Core* core) {
  if (core->uc) uc_close(core->uc);
  core->uc = nullptr;
  core->blocks.clear();
  core->touchedOf.clear();
}

void Destroy(napi_env env, void* data, void*) {
  auto* core = static_cast<Core*>(data);
  Close(core);
  for (napi_ref ref : {core->onPageFault, core->onBlock, core->onPort}) {
    if (ref) napi_delete_reference(env, ref);
  }
  if (core->hot) munmap(core->hot, kPageSize);
  delete core;
}

// Weak: the callbacks lead to whoever holds the handle, so that strong ones would keep both for ever. The caller keeps them.
napi_ref Reference(napi_env env, napi_value object, const char* name) {
  napi_value function;
  napi_ref ref = nullptr;
  napi_get_named_property(env, object, name, &function);
  napi_create_reference(env, function, 0, &ref);
  return ref;
}

// createCore(memory, aarch64, cpuModel, portPa, accounting, { onPageFault, onBlock, onPort }) -> handle
napi_value CreateCore(napi_env env, napi_callback_info info) {
  size_t argc = 6;
  napi_value args[6];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  auto* core = new Core;
  core->env = env;
  napi_value handle;
  napi_create_external(env, core, Destroy, nullptr, &handle);
  core->hot = NewHot();
  if (!core->hot) {
    napi_throw_error(env, "ENOMEM", "the host has no memory for one more core");
    return nullptr;
  }
  napi_get_value_external(env, args[0], reinterpret_cast<void**>(&core->memory));
  int32_t model = 0;
  double portPa = 0;
  bool accounting = true;
  napi_get_value_bool(env, args[1], &core->aarch64);
  napi_get_value_int32(env, args[2], &model);
  napi_get_value_double(env, args[3], &portPa);
  napi_get_value_bool(env, args[4], &accounting);
  core->accounting = accounting;
  core->inlineAccounting = accounting && InlineAccountingWorks(core->aarch64);
  core->onPageFault = Reference(env, args[5], "onPageFault");
  core->onBlock = Reference(env, args[5], "onBlock");
  core->onPort = Reference(env, args[5], "onPort");

  uc_err error = core->aarch64 ? uc_open(UC_ARCH_ARM64, UC_MODE_ARM, &core->uc) : uc_open(UC_ARCH_X86, UC_MODE_64, &core->uc);
  if (!Check(env, error, "uc_open")) return nullptr;
  uc_engine* uc = core->uc;
  // AArch64 defaults to 1 KiB pages: the fill would be asked per KiB and a 4 KiB answer would read the wrong bytes.
  if (core->aarch64 && !Check(env, uc_ctl_set_page_size(uc, kPageSize), "page size")) return nullptr;
  if (model >= 0 && !Check(env, uc_ctl_set_cpu_model(uc, model), "cpu model")) return nullptr;
  const bool ok =
      // No "until" address: the engine would look it up through the TLB fill at the end of every run.
      Check(env, uc_ctl_exits_enable(uc), "no exits") &&
      Check(env, uc_ctl_tlb_mode(uc, UC_TLB_VIRTUAL), "virtual TLB") &&
      Check(env, uc_mem_map_ptr(uc, 0, core->memory->size, UC_PROT_ALL, core->memory->base), "map RAM") &&
      Check(env, uc_mmio_map(uc, static_cast<uint64_t>(portPa), kPageSize, OnPortRead, core, OnPortWrite, core), "map port") &&
      Check(env, Hook(core, UC_HOOK_TLB_FILL, FillTlb), "TLB hook") &&
      Check(env, Hook(core, UC_HOOK_INTR, OnInterrupt), "interrupt hook") &&
      (!accounting || core->inlineAccounting || Check(env, Hook(core, UC_HOOK_BLOCK, OnBlock), "block hook")) &&
      (core->aarch64 || (Check(env, Hook(core, UC_HOOK_INSN, OnX86Syscall, 1, 0, UC_X86_INS_SYSCALL), "syscall hook") &&
                         Check(env, Hook(core, UC_HOOK_INSN, OnTimeStamp, 1, 0, UC_X86_INS_RDTSC), "rdtsc hook") &&
                         Check(env, Hook(core, UC_HOOK_INSN, OnTimeStamp, 1, 0, UC_X86_INS_RDTSCP), "rdtscp hook")));
  return ok ? handle : nullptr;
}

// closeCore(core): it must not run, or be used otherwise, any more
napi_value CloseCore(napi_env env, napi_callback_info info) {
  napi_value args[1];
  Close(CoreOf(env, info, 1, args));
  return nullptr;
}

// mailbox(core) -> ArrayBuffer of doubles, valid while the core's handle lives
napi_value MailboxBuffer(napi_env env, napi_callback_info info) {
  napi_value args[1], buffer;
  Core* core = CoreOf(env, info, 1, args);
  napi_create_external_arraybuffer(env, &core->box, sizeof(Mailbox), nullptr, nullptr, &buffer);
  return buffer;
}

// setSpace(core, rootFrame, context, windowStart, windowSize): other page tables. The engine's TLB has no tags and is flushed;
// the modelled one keeps its entries.
napi_value SetSpace(napi_env env, napi_callback_info info) {
  napi_value args[5];
  Core* core = CoreOf(env, info, 5, args);
  double context = 0, start = 0, size = 0;
  napi_get_value_uint32(env, args[1], &core->root);
  napi_get_value_double(env, args[2], &context);
  napi_get_value_double(env, args[3], &start);
  napi_get_value_double(env, args[4], &size);
  core->context = static_cast<uint64_t>(context) << 48;
  core->windowStart = static_cast<uint64_t>(start);
  core->windowSize = static_cast<uint64_t>(size);
  core->touched = &core->touchedOf[core->root];
  FlushEngineTlb(core);
  return nullptr;
}

// seedRandom(core, seed): what rdrand gives from now on
napi_value SeedRandom(napi_env env, napi_callback_info info) {
  napi_value args[2];
  Core* core = CoreOf(env, info, 2, args);
  double seed = 0;
  napi_get_value_double(env, args[1], &seed);
  core->random = static_cast<uint64_t>(seed);
  return nullptr;
}

// setBlockTable(core, table)
napi_value SetBlockTable(napi_env env, napi_callback_info info) {
  napi_value args[2];
  Core* core = CoreOf(env, info, 2, args);
  napi_get_value_external(env, args[1], reinterpret_cast<void**>(&core->table));
  return nullptr;
}

// flushTlb(core): some entry of its tables changed
napi_value FlushTlb(napi_env env, napi_callback_info info) {
  napi_value args[1];
  Core* core = CoreOf(env, info, 1, args);
  core->touchedOf.clear();
  core->touched = &core->touchedOf[core->root];
  FlushEngineTlb(core);
  return nullptr;
}

// flushCode(core): bytes of a frame that may have been executed changed
napi_value FlushCode(napi_env env, napi_callback_info info) {
  napi_value args[1];
  Core* core = CoreOf(env, info, 1, args);
  DropTranslations(core);
  return nullptr;
}

// registers(core, ids: Int32Array, values: BigUint64Array with two words per register, write)
napi_value Registers(napi_env env, napi_callback_info info) {
  napi_value args[4];
  Core* core = CoreOf(env, info, 4, args);
  size_t count = 0;
  void *ids = nullptr, *values = nullptr;
  bool write = false;
  napi_get_typedarray_info(env, args[1], nullptr, &count, &ids, nullptr, nullptr);
  napi_get_typedarray_info(env, args[2], nullptr, nullptr, &values, nullptr, nullptr);
  napi_get_value_bool(env, args[3], &write);
  const auto* id = static_cast<int32_t*>(ids);
  auto* word = static_cast<uint64_t*>(values);
  for (size_t i = 0; i < count; i++) {
    if (!write) word[2 * i] = word[2 * i + 1] = 0;
    uc_err error = write ? uc_reg_write(core->uc, id[i], &word[2 * i]) : uc_reg_read(core->uc, id[i], &word[2 * i]);
    if (!Check(env, error, "register access")) return nullptr;
  }
  return nullptr;
}

// Runs until the next exit and tells why.
napi_value Start(napi_env env, Core* core) {
  core->exit = Exit::kBudget;
  if (core->inlineAccounting && (core->chargedTable != core->table || core->chargedGeneration != core->table->generation)) {
    DropTranslations(core);
    core->chargedTable = core->table;
    core->chargedGeneration = core->table->generation;
  }
  runningCore = core;
  core->hot->last = Hot::kNoBlock;
  core->box.lastBlockVa = core->box.lastBlockSize = 0;  // what an earlier run ended in is no business of this one
  BringIn(core);
  const uc_err error = uc_emu_start(core->uc, Pc(core), 0, 0, 0);
  BringOut(core);
  ShowUnallocated(core);
  runningCore = nullptr;
  if (core->refused) {  // the block goes, so that it is met, and refused, again
    core->refused = false;
    DropTranslations(core);
  }
  core->box.exitPc = static_cast<double>(Pc(core));
  if (core->exit == Exit::kSyscall) {
    ReadSyscall(core);
  } else if (error == UC_ERR_INSN_INVALID) {
    core->exit = Exit::kIllegal;
  } else if (error != UC_ERR_OK && (core->exit == Exit::kBudget || (core->exit == Exit::kPageFault && error != UC_ERR_EXCEPTION))) {
    core->exit = Exit::kError;
    core->box.error = error;
  }
  return Number(env, static_cast<int>(core->exit));
}

// run(core) -> exit reason; run(core, result) first puts a syscall's result into its register
napi_value Run(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Core* core = nullptr;
  napi_get_value_external(env, args[0], reinterpret_cast<void**>(&core));
  if (argc > 1) {
    int64_t result = 0;
    napi_get_value_int64(env, args[1], &result);
    uc_reg_write(core->uc, core->aarch64 ? static_cast<int>(UC_ARM64_REG_X0) : static_cast<int>(UC_X86_REG_RAX), &result);
  }
  return Start(env, core);
}

// runTo(core, va) -> exit reason; kBudget when it arrived. Blocks that stop there must not be kept, nor those that do not.
napi_value RunTo(napi_env env, napi_callback_info info) {
  napi_value args[2];
  Core* core = CoreOf(env, info, 2, args);
  double va = 0;
  napi_get_value_double(env, args[1], &va);
  uint64_t exits[1] = {static_cast<uint64_t>(va)};
  uc_ctl_set_exits(core->uc, exits, 1);
  DropTranslations(core);
  core->unguarded = true;
  const napi_value reason = Start(env, core);
  core->unguarded = false;
  if (core->exit == Exit::kBudget) {  // on AArch64 the engine leaves the PC behind the instruction that it stopped at
    uc_reg_write(core->uc, core->aarch64 ? static_cast<int>(UC_ARM64_REG_PC) : static_cast<int>(UC_X86_REG_RIP), exits);
    core->box.exitPc = va;
  }
  uc_ctl_set_exits(core->uc, exits, 0);
  DropTranslations(core);
  return reason;
}

}  // namespace

void DefineCore(napi_env env, napi_value exports) {
  Export(env, exports, "createCore", CreateCore);
  Export(env, exports, "closeCore", CloseCore);
  Export(env, exports, "mailbox", MailboxBuffer);
  Export(env, exports, "setSpace", SetSpace);
  Export(env, exports, "seedRandom", SeedRandom);
  Export(env, exports, "setBlockTable", SetBlockTable);
  Export(env, exports, "flushTlb", FlushTlb);
  Export(env, exports, "flushCode", FlushCode);
  Export(env, exports, "registers", Registers);
  Export(env, exports, "run", Run);
  Export(env, exports, "runTo", RunTo);
}

}  // namespace melf
