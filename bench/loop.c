// Measures a verification without kpass: the same two calls of libkrb5, with
// the same options, in a plain loop. Each thread makes one context, once.
//
//   loop KEYTAB SERVICE USER PASSWORD
//
// SERVICE and USER are complete principals. KRB5_CONFIG names the krb5.conf.

#include <krb5/krb5.h>

#include "rounds.h"

static char **arguments;

static void Complain(krb5_error_code code, const char *step) {
  fprintf(stderr, "%s: %s\n", step, krb5_get_error_message(NULL, code));
}

static void Check(krb5_error_code code, const char *step) {
  if (code == 0) return;
  Complain(code, step);
  _exit(1);
}

struct Thread {
  krb5_context context;
  krb5_principal client;
  krb5_principal service;
  krb5_keytab keytab;
};

static void *Open(void) {
  struct Thread *t = calloc(1, sizeof(*t));
  if (t == NULL) exit(1);
  Check(krb5_init_context(&t->context), "krb5_init_context");
  Check(krb5_parse_name(t->context, arguments[3], &t->client), "client");
  Check(krb5_parse_name(t->context, arguments[2], &t->service), "service");
  Check(krb5_kt_resolve(t->context, arguments[1], &t->keytab), "keytab");
  return t;
}

static bool Verify(void *kept) {
  const struct Thread *t = kept;
  krb5_context context = t->context;
  krb5_creds creds = {0};
  krb5_get_init_creds_opt *options = NULL;
  krb5_verify_init_creds_opt verify_options;

  Check(krb5_get_init_creds_opt_alloc(context, &options), "opt_alloc");
  krb5_get_init_creds_opt_set_tkt_life(options, 600);
  krb5_get_init_creds_opt_set_renew_life(options, 0);
  krb5_get_init_creds_opt_set_forwardable(options, 0);
  krb5_get_init_creds_opt_set_proxiable(options, 0);
  krb5_get_init_creds_opt_set_address_list(options, NULL);
  krb5_error_code code =
      krb5_get_init_creds_password(context, &creds, t->client, arguments[4],
                                   NULL, NULL, 0, arguments[2], options);
  if (code == 0) {
    krb5_verify_init_creds_opt_init(&verify_options);
    krb5_verify_init_creds_opt_set_ap_req_nofail(&verify_options, 1);
    code = krb5_verify_init_creds(context, &creds, t->service, t->keytab, NULL,
                                  &verify_options);
  }
  if (code != 0) Complain(code, "verification");
  krb5_free_cred_contents(context, &creds);
  krb5_get_init_creds_opt_free(context, options);
  return code == 0;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fputs("usage: see the head of bench/loop.c\n", stderr);
    return 2;
  }
  arguments = argv;
  return PlayRounds();
}
