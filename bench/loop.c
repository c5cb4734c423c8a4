// What a verification costs without kpass: the same two calls of libkrb5, with
// the same options, in a plain loop; one context a thread, made once.
//
//   loop CONFIG KEYTAB SERVICE USER PASSWORD THREADS COUNT
//
// CONFIG is the path of one krb5.conf; SERVICE and USER are whole principals.
// Prints the CPU time, in ms, that one verification took of the whole process;
// start and end are not counted. A line on stdin begins a round of COUNT
// verifications on all the threads together; its end ends the program.

#include <krb5/krb5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static char **arguments;

static void Check(krb5_error_code code, const char *step) {
  if (code == 0) return;
  fprintf(stderr, "%s: %s\n", step, krb5_get_error_message(NULL, code));
  exit(1);
}

struct Thread {
  pthread_t id;
  krb5_context context;
  krb5_principal client;
  krb5_principal service;
  krb5_keytab keytab;
  long count;
};

static void Open(struct Thread *t) {
  Check(krb5_init_context(&t->context), "krb5_init_context");
  Check(krb5_parse_name(t->context, arguments[4], &t->client), "client");
  Check(krb5_parse_name(t->context, arguments[3], &t->service), "service");
  Check(krb5_kt_resolve(t->context, arguments[2], &t->keytab), "keytab");
}

static void VerifyOnce(const struct Thread *t) {
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
  Check(krb5_get_init_creds_password(context, &creds, t->client, arguments[5],
                                     NULL, NULL, 0, arguments[3], options),
        "krb5_get_init_creds_password");
  krb5_verify_init_creds_opt_init(&verify_options);
  krb5_verify_init_creds_opt_set_ap_req_nofail(&verify_options, 1);
  Check(krb5_verify_init_creds(context, &creds, t->service, t->keytab, NULL,
                               &verify_options),
        "krb5_verify_init_creds");
  krb5_free_cred_contents(context, &creds);
  krb5_get_init_creds_opt_free(context, options);
}

static void *Loop(void *argument) {
  const struct Thread *thread = argument;
  for (long i = 0; i < thread->count; ++i) VerifyOnce(thread);
  return NULL;
}

static double CpuMilliseconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fputs("usage: see the head of bench/loop.c\n", stderr);
    return 2;
  }
  arguments = argv;
  setenv("KRB5_CONFIG", argv[1], 1);
  const long threads = strtol(argv[6], NULL, 10);
  const long count = strtol(argv[7], NULL, 10);

  struct Thread *all = calloc((size_t)threads, sizeof(*all));
  if (all == NULL) return 1;
  for (long i = 0; i < threads; ++i) {
    Open(&all[i]);
    all[i].count = count / threads;
  }
  while (getchar() == '\n') {
    const double before = CpuMilliseconds();
    for (long i = 0; i < threads; ++i) {
      if (pthread_create(&all[i].id, NULL, Loop, &all[i]) != 0) return 1;
    }
    for (long i = 0; i < threads; ++i) pthread_join(all[i].id, NULL);
    const double verifications = (double)(count / threads * threads);
    printf("%.4f\n", (CpuMilliseconds() - before) / verifications);
    fflush(stdout);
  }
  return 0;
}
