// Tells an unpacked Samba where its modules lie: the folder is compiled in, and no setting names it.
// Preloaded, so that every part of Samba asks here.

#include <stdlib.h>

const char *get_dyn_MODULESDIR(void) { return getenv("SAMBA_MODULES"); }
