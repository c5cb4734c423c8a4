// Checks a password through PAM, like a program that uses libpam-krb5.
//
//   pam FOLDER USER PASSWORD
//
// FOLDER has PAM's configuration for the service `bench`. KRB5_CONFIG names the
// krb5.conf.

#include <security/pam_appl.h>
#include <string.h>

#include "rounds.h"

static char **arguments;

static int Answer(int count, const struct pam_message **messages,
                  struct pam_response **answers, void *data) {
  (void)messages;
  (void)data;
  *answers = calloc((size_t)count, sizeof(**answers));
  if (*answers == NULL) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i) (*answers)[i].resp = strdup(arguments[3]);
  return PAM_SUCCESS;
}

// A PAM handle is for one login, so a thread keeps nothing between calls.
static void *Open(void) { return arguments; }

static bool Verify(void *kept) {
  (void)kept;
  const struct pam_conv conversation = {Answer, NULL};
  pam_handle_t *pam = NULL;
  int code = pam_start_confdir("bench", arguments[2], &conversation,
                               arguments[1], &pam);
  if (code == PAM_SUCCESS) code = pam_authenticate(pam, PAM_SILENT);
  if (code != PAM_SUCCESS) fprintf(stderr, "%s\n", pam_strerror(pam, code));
  pam_end(pam, code);
  return code == PAM_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fputs("usage: see the head of bench/pam.c\n", stderr);
    return 2;
  }
  arguments = argv;
  return PlayRounds();
}
