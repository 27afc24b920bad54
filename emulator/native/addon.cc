#include "machine.h"

namespace {

napi_value Version(napi_env env, napi_callback_info) {
  napi_value value;
  napi_create_uint32(env, uc_version(nullptr, nullptr), &value);
  return value;
}

napi_value Init(napi_env env, napi_value exports) {
  napi_value version;
  napi_create_function(env, "version", NAPI_AUTO_LENGTH, Version, nullptr, &version);
  napi_set_named_property(env, exports, "version", version);
  melf::DefineMemory(env, exports);
  melf::DefineCore(env, exports);
  return exports;
}

}  // namespace

NAPI_MODULE(melf_engine, Init)
