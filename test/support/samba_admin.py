"""Does an administrator's work in a Samba domain. Each line on stdin is a request in JSON, and each line
on stdout is an answer. The program ends with its stdin, so it cannot outlive the test that started it.

usage: samba_admin.py SMB_CONF                         serves requests
       samba_admin.py SMB_CONF provision REALM DOMAIN  makes the domain's databases, says so, and ends
"""

import json
import logging
import os
import sys
import time

import ldb
import samba.dckeytab  # gives Net its export_keytab
import samba.param
from samba import dsdb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB

# Seconds from 1601 to 1970. Windows counts time from 1601.
EPOCH = 11644473600

# samdb.h: lets an administrator write attributes that only the domain controller writes.
RELAX = "relax:0"
# The same for pwdLastSet, which Samba's hashing of passwords guards (BYPASS_PASSWORD_HASH).
BYPASS = "local_oid:1.3.6.1.4.1.7165.4.3.12:0"

NEVER = 9223372036854775807


def windows_time(seconds):
    return str(int((seconds + EPOCH) * 10_000_000))


def provision(lp, conf, realm, domain):
    # Samba has the path of this folder compiled in, but Samba is unpacked elsewhere.
    samba.param.setup_dir = lambda: os.environ["SAMBA_SETUP"]
    from samba.provision import provision as make

    make(
        logging.getLogger("provision"),
        system_session(lp),
        lp=lp,
        smbconf=conf,
        realm=realm,
        domain=domain,
        hostname="dc",
        hostip="127.0.0.1",
        dns_backend="NONE",
        serverrole="domain controller",
        # This is the default, but Samba sets it only for a domain with DNS.
        dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
        # No files are served. Their access lists would need extended attributes.
        skip_sysvolacl=True,
        use_ntvfs=True,
        batch_mode=True,
    )


class Domain:
    def __init__(self, lp):
        self.lp = lp
        self.sam = SamDB(url=lp.samdb_url(), session_info=system_session(lp), lp=lp)
        self.root = self.sam.domain_dn()
        self.dns = lp.get("realm").lower()

    def set(self, dn, controls=(), **values):
        message = ldb.Message()
        message.dn = ldb.Dn(self.sam, str(dn))
        for name, value in values.items():
            message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
        self.sam.modify(message, list(controls))

    def find(self, name, attributes):
        found = self.sam.search(
            self.root,
            ldb.SCOPE_SUBTREE,
            f"(sAMAccountName={ldb.binary_encode(name)})",
            attributes,
        )
        if len(found) != 1:
            raise LookupError(f"the domain has no account {name}")
        return found[0]

    def dn(self, name):
        return self.find(name, ["distinguishedName"]).dn

    def policy(self, lockout):
        minutes = str(-30 * 60 * 10_000_000)
        self.set(
            self.root,
            lockoutThreshold=str(lockout),
            lockoutDuration=minutes,
            lockOutObservationWindow=minutes,
            pwdProperties="0",
            minPwdLength="0",
            minPwdAge="0",
            maxPwdAge=str(-NEVER - 1),
            pwdHistoryLength="0",
        )

    def password_policy(self, length, history, age, longest, complexity):
        self.set(
            self.root,
            minPwdLength=str(length),
            pwdHistoryLength=str(history),
            minPwdAge=str(-age * 10_000_000),
            maxPwdAge=str(-longest * 10_000_000 if longest else -NEVER - 1),
            pwdProperties="1" if complexity else "0",
        )

    def add_user(self, name, password, upn=None, enctypes=None):
        attributes = {
            "dn": f"CN={escaped(name)},CN=Users,{self.root}",
            "objectClass": "user",
            "sAMAccountName": name,
            "userPrincipalName": upn or f"{name}@{self.dns}",
            "clearTextPassword": password.encode("utf-16-le"),
            "userAccountControl": str(dsdb.UF_NORMAL_ACCOUNT),
        }
        if enctypes is not None:
            attributes["msDS-SupportedEncryptionTypes"] = str(enctypes)
        self.sam.add(attributes)

    def add_service(self, account, service, password, enctypes):
        self.add_user(account, password, enctypes=enctypes)
        self.set(self.dn(account), servicePrincipalName=service)

    def set_upn(self, name, upn):
        self.set(self.dn(name), userPrincipalName=upn)

    def rename(self, name, new_name):
        self.set(self.dn(name), sAMAccountName=new_name)

    def add_upn_suffix(self, suffix):
        message = ldb.Message()
        message.dn = ldb.Dn(self.sam, f"CN=Partitions,{self.sam.get_config_basedn()}")
        message["uPNSuffixes"] = ldb.MessageElement(suffix, ldb.FLAG_MOD_ADD, "uPNSuffixes")
        self.sam.modify(message)

    def set_password(self, name, password):
        self.set(self.dn(name), clearTextPassword=password.encode("utf-16-le"))

    def set_flags(self, name, on=0, off=0):
        user = self.find(name, ["userAccountControl"])
        flags = (int(user["userAccountControl"][0]) | on) & ~off
        self.set(user.dn, userAccountControl=str(flags))

    def set_state(self, name, state):
        dn = self.dn(name)
        disabled = state == "disabled"
        self.set_flags(
            name,
            on=dsdb.UF_ACCOUNTDISABLE if disabled else 0,
            off=0 if disabled else dsdb.UF_ACCOUNTDISABLE,
        )
        self.set(dn, pwdLastSet="0" if state == "must-change" else "-1")
        long_ago = windows_time(time.time() - 86400)
        self.set(dn, accountExpires=long_ago if state == "expired" else "0")
        self.unlock(name)
        if state == "locked":
            self.set(dn, [RELAX], lockoutTime=windows_time(time.time()))

    def age_password(self, name, seconds):
        self.set(self.dn(name), [BYPASS, RELAX], pwdLastSet=windows_time(time.time() - seconds))

    def failed_count(self, name):
        return int(self.find(name, ["badPwdCount"]).get("badPwdCount", [b"0"])[0])

    def unlock(self, name):
        dn = self.dn(name)
        self.set(dn, lockoutTime="0")
        self.set(dn, [RELAX], badPwdCount="0")

    def export_keytab(self, path, principal):
        creds = Credentials()
        creds.guess(self.lp)
        Net(creds, self.lp).export_keytab(keytab=path, principal=principal)

    def attribute(self, name, attribute):
        return [str(value) for value in self.find(name, [attribute]).get(attribute, [])]


def escaped(name):
    """As the value of a CN in a distinguished name (RFC 4514)."""
    return "".join(f"\\{byte:02x}" for byte in name.encode())


def answer(domain, line):
    try:
        method, arguments = json.loads(line)
        return {"result": getattr(domain, method)(**arguments)}
    except ldb.LdbError as error:
        return {"error": error.args[1]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    conf, *arguments = sys.argv[1:]
    lp = LoadParm()
    lp.load(conf)
    if arguments:
        provision(lp, conf, *arguments[1:])
        print("provisioned", flush=True)
        return
    domain = Domain(lp)
    for line in sys.stdin:
        print(json.dumps(answer(domain, line)), flush=True)


main()
