# The addon as node-gyp and prebuildify build it. `kpass build` compiles it without this file, and
# CMakeLists.txt is the developers' build. All three take their flags from native/flags.json.
{
  "variables": {
    # Set by this project's own scripts only: a user's newer compiler must not
    # fail an installation over a new warning.
    "kpass_werror%": "<!(node -p \"process.env.KPASS_WERROR ? 1 : 0\")"
  },
  "targets": [
    {
      "target_name": "kpass",
      "sources": [
        "native/base/compute_slot.cc",
        "native/base/context.cc",
        "native/base/exit_gate.cc",
        "native/base/platform.cc",
        "native/base/report.cc",
        "native/base/thread.cc",
        "native/base/utf8.cc",
        "native/net/attempt.cc",
        "native/net/der.cc",
        "native/net/dns.cc",
        "native/net/etype_info.cc",
        "native/net/exchange.cc",
        "native/net/host_string.cc",
        "native/net/interrupt.cc",
        "native/net/kdcs.cc",
        "native/net/message.cc",
        "native/net/named_kdcs.cc",
        "native/net/password_server.cc",
        "native/net/site.cc",
        "native/net/transport.cc",
        "native/kerberos/abandonable.cc",
        "native/kerberos/acceptor.cc",
        "native/kerberos/answers.cc",
        "native/kerberos/armor.cc",
        "native/kerberos/armor_login.cc",
        "native/kerberos/armor_ticket.cc",
        "native/kerberos/as_request.cc",
        "native/kerberos/channel_bindings.cc",
        "native/kerberos/diagnosis.cc",
        "native/kerberos/enctypes.cc",
        "native/kerberos/initiator.cc",
        "native/kerberos/kdc_hooks.cc",
        "native/kerberos/kpasswd.cc",
        "native/kerberos/login_armor.cc",
        "native/kerberos/password_change.cc",
        "native/kerberos/realms.cc",
        "native/kerberos/replays.cc",
        "native/kerberos/service.cc",
        "native/kerberos/spnego.cc",
        "native/kerberos/trace.cc",
        "native/kerberos/user.cc",
        "native/kerberos/verification.cc",
        "native/node/accept_call.cc",
        "native/node/addon.cc",
        "native/node/change_call.cc",
        "native/node/diagnosis_functions.cc",
        "native/node/mailbox.cc",
        "native/node/pool.cc",
        "native/node/values.cc",
        "native/node/verification_call.cc"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["<!@(node -p \"require('./native/flags.json').defines.join(' ')\")"],
      "libraries": [
        "<!@(node scripts/pkg-config.cjs --libs)",
        "<!@(node -p \"require('./native/flags.json').libraries.join(' ')\")"
      ],
      "variables": {
        # The later -Os outranks Node's -O3: half the size, and no slower, because libkrb5 does the work.
        "flags": [
          "<!@(node -p \"require('./native/flags.json').compile.join(' ')\")",
          "<!@(node -p \"require('./native/flags.json').warnings.join(' ')\")",
          "<!@(node scripts/pkg-config.cjs --cflags)"
        ],
        "conditions": [["kpass_werror==1", { "flags": ["-Werror"] }]]
      },
      "conditions": [
        ["OS=='mac'", {
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
            "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "13.0",
            # -Wno-sign-conversion: -Wconversion, as GCC means it.
            "OTHER_CPLUSPLUSFLAGS": [
              "<@(flags)",
              "<!@(node -p \"require('./native/flags.json').darwin.compile.join(' ')\")"
            ]
          }
        }, {
          "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++20", "-std=gnu++17"],
          "cflags_cc": ["<@(flags)"],
          # -z nodelete: a thread may still be in libkrb5 when the last environment that loaded
          # the addon is gone: the code must stay mapped. (On macOS
          # native/base/platform.cc sees to it.)
          # -Bsymbolic: what it has of the C++ library's templates is its own: node exports
          # many of the same names, as its compiler made them.
          "ldflags": ["<!@(node -p \"require('./native/flags.json').linux.link.join(' ')\")"]
        }]
      ]
    }
  ]
}
