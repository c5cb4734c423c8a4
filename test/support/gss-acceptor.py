# A server of MIT's GSS-API: reads a client's token from stdin, in base64, and prints the client's name. The
# keytab is that of KRB5_KTNAME.
import base64
import sys

import gssapi

context = gssapi.SecurityContext(usage="accept", creds=gssapi.Credentials(usage="accept"))
context.step(base64.b64decode(sys.stdin.readline()))
print(context.initiator_name)
