// The part of macOS's <arpa/nameser.h> that kpass needs: BIND 9's interface,
// under macOS's own names. zig does not bring this header.

#ifndef KPASS_TEST_MACOS_ARPA_NAMESER_H_
#define KPASS_TEST_MACOS_ARPA_NAMESER_H_

#include <sys/types.h>

#define NS_MAXDNAME 1025

#define ns_initparse res_9_ns_initparse
#define ns_parserr res_9_ns_parserr

typedef enum __ns_sect { ns_s_qd, ns_s_an, ns_s_ns, ns_s_ar, ns_s_max } ns_sect;
typedef enum __ns_type { ns_t_srv = 33, ns_t_max = 65536 } ns_type;
typedef enum __ns_class { ns_c_in = 1, ns_c_max = 65536 } ns_class;

typedef struct __ns_msg {
  const u_char *_msg, *_eom;
  u_int16_t _id, _flags, _counts[ns_s_max];
  const u_char* _sections[ns_s_max];
  ns_sect _sect;
  int _rrnum;
  const u_char* _msg_ptr;
} ns_msg;

typedef struct __ns_rr {
  char name[NS_MAXDNAME];
  u_int16_t type;
  u_int16_t rr_class;
  u_int32_t ttl;
  u_int16_t rdlength;
  const u_char* rdata;
} ns_rr;

#define ns_msg_base(handle) ((handle)._msg + 0)
#define ns_msg_end(handle) ((handle)._eom + 0)
#define ns_msg_count(handle, section) ((handle)._counts[section] + 0)
#define ns_rr_type(rr) ((ns_type)((rr).type + 0))
#define ns_rr_ttl(rr) ((rr).ttl + 0)
#define ns_rr_rdlen(rr) ((rr).rdlength + 0)
#define ns_rr_rdata(rr) ((rr).rdata + 0)

extern "C" {
int ns_initparse(const u_char* bytes, int size, ns_msg* message);
int ns_parserr(ns_msg* message, ns_sect section, int number, ns_rr* record);
}

#endif  // KPASS_TEST_MACOS_ARPA_NAMESER_H_
