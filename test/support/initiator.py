# A client of MIT's GSS-API: prints its token, in base64, and whether the answer that it reads proves
# the service. usage: initiator.py HTTP@localhost spnego|kerberos mutual|one-way [bindings, in base64]
import base64
import sys

import gssapi

target, form, mutual, *rest = sys.argv[1:]
mechanism = gssapi.OID.from_int_seq(
    "1.3.6.1.5.5.2" if form == "spnego" else "1.2.840.113554.1.2.2"
)
# An empty list would mean the default, which asks for proof.
flag = gssapi.RequirementFlag
flags = [flag.mutual_authentication if mutual == "mutual" else flag.integrity]
bindings = None
if rest:
    bindings = gssapi.raw.ChannelBindings(application_data=base64.b64decode(rest[0]))

context = gssapi.SecurityContext(
    name=gssapi.Name(target, gssapi.NameType.hostbased_service),
    mech=mechanism,
    flags=flags,
    usage="initiate",
    channel_bindings=bindings,
)
token = context.step()
print(base64.b64encode(token).decode(), flush=True)
answer = base64.b64decode(sys.stdin.readline())
try:
    if answer:
        context.step(answer)
    # An error of step() may come up only here.
    print("complete" if context.complete else "incomplete")
except gssapi.exceptions.GSSError as error:
    print("refused:", str(error).replace("\n", " "))
