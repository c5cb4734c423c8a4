// Sets the folder of an unpacked samba's modules: samba has another folder compiled in, and no setting
// changes it. This library is preloaded, and runs before main. A program without Samba's library, such
// as Python, has no set_dyn_MODULESDIR.

#include <stdbool.h>
#include <stdlib.h>

extern bool set_dyn_MODULESDIR(const char *folder) __attribute__((weak));

__attribute__((constructor)) static void set_folder(void) {
  if (set_dyn_MODULESDIR) set_dyn_MODULESDIR(getenv("SAMBA_MODULES"));
}
