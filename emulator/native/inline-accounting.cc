// Block accounting inside the translated code. Unicorn's translator calls its own functions through its PLT, so functions of the same names in
// the object that loads the library come first (as in exit-check.cc). Three of them let us replace the call that it emits at each
// block's start (a check whether to stop) by a few operations of its intermediate language, with no call at all:
//   if (budget < kOneCycle) goto stop; budget += charge; last = index; if watched: ++*counter;
// `budget` holds the cycles left above the instructions executed, so that one addition changes both (machine.h).
// `stop` is put before the block's "exit requested" exit, from where the engine goes back to the block's first instruction.
// What a block costs is known when it has been translated to intermediate code, before the host's code is made from that: the two constants are
// put in then. Everything here belongs to Unicorn 2.1.4 and is only used with it; ../core/self-test.ts checks counts, stops and faults at load.
#include "engine-code.h"
#include "machine.h"

namespace melf {
thread_local Core* runningCore = nullptr;
}

#if defined(MELF_FAST_EXIT_CHECK) && defined(__x86_64__) && defined(__linux__)
#include <dlfcn.h>

#include <cstddef>
#include <cstring>

namespace melf {
namespace {

// From tcg/tcg-opc.h and tcg/tcg.h of Unicorn 2.1.4.
constexpr int kSetLabel = 1, kMov64 = 64, kLd64 = 73, kSt64 = 77, kAdd64 = 78, kExitTb = 130;
constexpr int kTypeI64 = 1, kCondLt = 2;
constexpr unsigned kExitRequested = 3;

// TCGOp: number, lifetimes and links come first.
struct Operation {
  uint64_t head[3];
  uintptr_t args[2];
};

using Context = void;   // TCGContext
using Temp = void;      // TCGTemp
using Variable = void;  // TCGv_i64: a TCGTemp as an offset from its context

struct Tcg {
  void (*callN)(Context*, void* function, Temp* result, int count, Temp** arguments);
  void (*translate)(void* cpu, TranslationBlock*, int maxInstructions);
  void (*exitTb)(Context*, TranslationBlock*, unsigned index);
  Variable* (*const64)(Context*, int64_t);
  Variable* (*const32)(Context*, int32_t);
  Temp* (*newTemp)(Context*, int type, bool local);
  void (*freeTemp)(Context*, Temp*);
  Operation* (*emit)(Context*, int op);
  void (*op1)(Context*, int op, uintptr_t);
  void (*op3)(Context*, int op, uintptr_t, uintptr_t, uintptr_t);
  void (*branch)(Context*, int condition, Variable*, int64_t, void* label);
  void* (*newLabel)(Context*);
  void (*check)(void*, uint32_t);
  bool complete;
};

template <typename Function>
void Load(Tcg& tcg, void* library, Function& function, const char* name, const char* suffix) {
  function = reinterpret_cast<Function>(dlsym(library, (std::string(name) + suffix).c_str()));
  if (!function) tcg.complete = false;
}

// Whether `function` passes `opcode` on: `mov esi, opcode`. The numbers depend on how the library was configured.
bool Emits(const void* function, uint32_t opcode) {
  uint8_t wanted[5] = {0xbe};
  std::memcpy(wanted + 1, &opcode, 4);
  return CodeContains(function, 132, wanted);
}

Tcg LoadTcg(const char* suffix) {
  Tcg tcg{};
  Dl_info info{};
  if (!IsKnownEngine() || !dladdr(reinterpret_cast<void*>(&uc_version), &info)) return tcg;
  void* library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (!library) return tcg;
  tcg.complete = true;
  Load(tcg, library, tcg.callN, "tcg_gen_callN", suffix);
  Load(tcg, library, tcg.translate, "gen_intermediate_code", suffix);
  Load(tcg, library, tcg.exitTb, "tcg_gen_exit_tb", suffix);
  Load(tcg, library, tcg.const64, "tcg_const_i64", suffix);
  Load(tcg, library, tcg.const32, "tcg_const_i32", suffix);
  Load(tcg, library, tcg.newTemp, "tcg_temp_new_internal", suffix);
  Load(tcg, library, tcg.freeTemp, "tcg_temp_free_internal", suffix);
  Load(tcg, library, tcg.emit, "tcg_emit_op", suffix);
  Load(tcg, library, tcg.op1, "tcg_gen_op1", suffix);
  Load(tcg, library, tcg.op3, "tcg_gen_op3", suffix);
  Load(tcg, library, tcg.branch, "tcg_gen_brcondi_i64", suffix);
  Load(tcg, library, tcg.newLabel, "gen_new_label", suffix);
  Load(tcg, library, tcg.check, "helper_check_exit_request", suffix);
  void (*addImmediate)(), (*exitTb)();
  Load(tcg, library, addImmediate, "tcg_gen_addi_i64", suffix);
  Load(tcg, library, exitTb, "tcg_gen_exit_tb", suffix);
  tcg.complete = tcg.complete && Emits(reinterpret_cast<void*>(tcg.const64), kMov64) && Emits(reinterpret_cast<void*>(addImmediate), kAdd64) && Emits(reinterpret_cast<void*>(exitTb), kExitTb);
  return tcg;
}

// State of the one translation under way in this thread; a fetch fault may leave it by longjmp.
struct Translation {
  bool accounted = false, counted = false;
  int64_t index = 0;  // of the block
  void* stopLabel = nullptr;
  Operation* charge = nullptr;   // puts what is added to the budget into a temporary
  Operation* counter = nullptr;  // the same with the counter's address
};
thread_local Translation translation;

Temp* TempOf(Context* context, Variable* variable) {
  return static_cast<char*>(context) + reinterpret_cast<uintptr_t>(variable);
}

// A temporary for a constant that is not known yet: args[1] of the operation.
Temp* Unknown(const Tcg& tcg, Context* context, Operation*& operation) {
  Temp* temp = tcg.newTemp(context, kTypeI64, false);
  operation = tcg.emit(context, kMov64);
  operation->args[0] = reinterpret_cast<uintptr_t>(temp);
  operation->args[1] = 0;
  return temp;
}

// Emits at a block's start.
void EmitAccounting(const Tcg& tcg, Context* context, Core* core) {
  const auto arg = [](Temp* temp) { return reinterpret_cast<uintptr_t>(temp); };
  const auto constant = [&](const void* pointer) { return TempOf(context, tcg.const64(context, reinterpret_cast<int64_t>(pointer))); };
  Temp* value = tcg.newTemp(context, kTypeI64, false);
  Temp* hot = constant(core->hot);
  auto* variable = reinterpret_cast<Variable*>(arg(value) - reinterpret_cast<uintptr_t>(context));
  tcg.op3(context, kLd64, arg(value), arg(hot), offsetof(Hot, budget));
  tcg.branch(context, kCondLt, variable, kOneCycle, translation.stopLabel);
  tcg.freeTemp(context, value);
  tcg.freeTemp(context, hot);
  // A branch ends the life of temporaries: new ones from here.
  value = tcg.newTemp(context, kTypeI64, false);
  hot = constant(core->hot);
  Temp* charge = Unknown(tcg, context, translation.charge);
  Temp* index = TempOf(context, tcg.const64(context, translation.index));
  tcg.op3(context, kLd64, arg(value), arg(hot), offsetof(Hot, budget));
  tcg.op3(context, kAdd64, arg(value), arg(value), arg(charge));
  tcg.op3(context, kSt64, arg(value), arg(hot), offsetof(Hot, budget));
  tcg.op3(context, kSt64, arg(index), arg(hot), offsetof(Hot, last));
  if (translation.counted) {
    Temp* one = TempOf(context, tcg.const64(context, 1));
    Temp* counter = Unknown(tcg, context, translation.counter);
    tcg.op3(context, kLd64, arg(value), arg(counter), 0);
    tcg.op3(context, kAdd64, arg(value), arg(value), arg(one));
    tcg.op3(context, kSt64, arg(value), arg(counter), 0);
    for (Temp* temp : {one, counter}) tcg.freeTemp(context, temp);
  }
  for (Temp* temp : {value, charge, hot, index}) tcg.freeTemp(context, temp);
}

void OnCallN(const Tcg& tcg, void* check, Context* context, void* function, Temp* result, int count, Temp** arguments) {
  Core* core = runningCore;
  if (function != check || core == nullptr || !translation.accounted) {
    if (function == check && core != nullptr && !core->accounting) return;  // nothing counts, nothing stops it
    return tcg.callN(context, function, result, count, arguments);
  }
  if (translation.stopLabel != nullptr) return;  // once per block
  translation.stopLabel = tcg.newLabel(context);
  EmitAccounting(tcg, context, core);
}

void OnExitTb(const Tcg& tcg, void* check, Context* context, TranslationBlock* block, unsigned index) {
  if (index == kExitRequested && translation.stopLabel != nullptr) {
    *static_cast<unsigned*>(translation.stopLabel) |= 1;  // TCGLabel::present
    tcg.op1(context, kSetLabel, reinterpret_cast<uintptr_t>(translation.stopLabel));
    Temp* arguments[2] = {TempOf(context, tcg.const64(context, 0)), TempOf(context, tcg.const32(context, 0))};
    tcg.callN(context, check, nullptr, 2, arguments);
  }
  tcg.exitTb(context, block, index);
}

void Translate(const Tcg& tcg, Core* core, void* cpu, TranslationBlock* block, int maxInstructions) {
  if (core == nullptr || !core->aarch64) return tcg.translate(cpu, block, maxInstructions);
  HideUnallocated(core, block->pc);
  tcg.translate(cpu, block, maxInstructions);
  ShowUnallocated(core);
}

void OnTranslate(const Tcg& tcg, void* cpu, TranslationBlock* block, int maxInstructions) {
  Core* core = runningCore;
  translation = {};
  if (core == nullptr || !core->inlineAccounting || core->unguarded) return Translate(tcg, core, cpu, block, maxInstructions);
  translation.accounted = true;
  translation.counted = core->table->watched.count(block->pc) != 0;
  translation.index = static_cast<int64_t>(core->blocks.size());
  Translate(tcg, core, cpu, block, maxInstructions);
  core->blocks.push_back({block->pc, block->size});
  BlockCharge charge{};
  if (ChargeOf(core, block->pc, block->size, charge)) {
    if (translation.charge) translation.charge->args[1] = static_cast<uintptr_t>(charge.budget);
    if (translation.counter) translation.counter->args[1] = reinterpret_cast<uintptr_t>(charge.counter);
  } else {
    // It is about to be entered for the first time: with nothing left to spend it stops at its first instruction.
    BringOut(core);
    core->hot->granted = core->hot->budget = 0;
    core->refused = true;
  }
  translation = {};
}

// Called from translated code when the budget is spent, with null; by blocks of other engines with their engine.
void OnCheck(const Tcg& tcg, void* engine, uint32_t slot) {
  if (engine != nullptr) return tcg.check(engine, slot);
  Core* core = runningCore;
  if (core->refused) {
    if (core->exit != Exit::kError) core->exit = Exit::kIllegal;
    uc_emu_stop(core->uc);
    return;
  }
  BringOut(core);
  BringIn(core);
  if (core->hot->budget >= kOneCycle) return;  // only the field was used up
  if (core->exit != Exit::kError) core->exit = Exit::kBudget;
  uc_emu_stop(core->uc);
}

}  // namespace

#define MELF_INTERPOSE(isa)                                                                                              \
  static const Tcg& Tcg_##isa() {                                                                                        \
    static const Tcg tcg = LoadTcg("_" #isa);                                                                            \
    return tcg;                                                                                                          \
  }                                                                                                                      \
  extern "C" __attribute__((visibility("default"))) void helper_check_exit_request_##isa(void* engine, uint32_t slot) {  \
    OnCheck(Tcg_##isa(), engine, slot);                                                                                  \
  }                                                                                                                      \
  extern "C" __attribute__((visibility("default"))) void tcg_gen_callN_##isa(void* context, void* function, void* result, \
                                                                             int count, void** arguments) {              \
    OnCallN(Tcg_##isa(), reinterpret_cast<void*>(&helper_check_exit_request_##isa), context, function, result, count,     \
            arguments);                                                                                                  \
  }                                                                                                                      \
  extern "C" __attribute__((visibility("default"))) void tcg_gen_exit_tb_##isa(void* context, void* block, unsigned index) { \
    OnExitTb(Tcg_##isa(), reinterpret_cast<void*>(&helper_check_exit_request_##isa), context,                            \
             static_cast<TranslationBlock*>(block), index);                                                              \
  }                                                                                                                      \
  extern "C" __attribute__((visibility("default"))) void gen_intermediate_code_##isa(void* cpu, void* block, int most) { \
    OnTranslate(Tcg_##isa(), cpu, static_cast<TranslationBlock*>(block), most);                                          \
  }

MELF_INTERPOSE(x86_64)
MELF_INTERPOSE(aarch64)

bool InlineAccountingWorks(bool aarch64) { return aarch64 ? Tcg_aarch64().complete : Tcg_x86_64().complete; }

}  // namespace melf
#else
namespace melf {
bool InlineAccountingWorks(bool) { return false; }
}  // namespace melf
#endif
