// Both directions between TypeScript and the addon: exported functions, and calls from the running engine.
#include "machine.h"

namespace melf {

napi_value Call(Core* core, napi_ref function, size_t argc, const napi_value* argv) {
  napi_value target, self, result = nullptr;
  BringOut(core);
  napi_get_reference_value(core->env, function, &target);
  napi_get_undefined(core->env, &self);
  // A JavaScript exception stays pending and is thrown by run() when the engine has stopped.
  if (napi_call_function(core->env, self, target, argc, argv, &result) != napi_ok) {
    core->exit = Exit::kError;
    uc_emu_stop(core->uc);
    result = nullptr;
  }
  BringIn(core);
  return result;
}

napi_value Number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace melf
