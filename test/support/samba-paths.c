// Tells an unpacked Samba where it lies: these two folders are compiled into its libraries, and no
// setting names them. Preloaded, so that every part of Samba asks here.

#include <stdlib.h>

const char *get_dyn_MODULESDIR(void) { return getenv("SAMBA_MODULES"); }

const char *get_dyn_SETUPDIR(void) { return getenv("SAMBA_SETUP"); }
