// Unicorn emits a call to helper_check_exit_request after every load and store by way of these exported functions, which
// libunicorn.so calls through its PLT. Empty functions of the same names in the object that loads the library come first in
// symbol lookup, so the calls are never emitted; the check at each block's start stays. Sound only while no memory hook
// exists. Checked at load by ../core/self-test.ts; built without (MELF_FAST_EXIT_CHECK unset) for other library versions.
#ifdef MELF_FAST_EXIT_CHECK
extern "C" {
__attribute__((visibility("default"))) void check_exit_request_x86_64(void*) {}
__attribute__((visibility("default"))) void check_exit_request_aarch64(void*) {}
}
#endif
