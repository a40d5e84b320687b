"""A mail relay for tests, on aiosmtpd: it keeps what it is sent, and refuses or stalls as it is told.

Arguments: the folder for mails and the certificate, and how it behaves. It prints its port, and ends with its standard input.
"""

import asyncio
import datetime
import ipaddress
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, behaviour = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])


def certificate():
    """A key and a certificate for `localhost`, of an authority that nobody else knows."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)

    def issue(name, key, issuer, issuer_key, is_ca):
        def named(text):
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = issue("A relay's authority", ca_key, "A relay's authority", ca_key, True)
    leaf = issue("localhost", key, "A relay's authority", ca_key, False)
    pem = serialization.Encoding.PEM
    unencrypted = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted)
    )
    (folder / "chain.pem").write_bytes(leaf.public_bytes(pem) + authority.public_bytes(pem))
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


class Handler:
    """Greylists, refuses, stalls or keeps."""

    def __init__(self):
        self.asked = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.asked += 1
        if self.asked <= behaviour.get("greylist", 0):
            return "451 4.7.1 Greylisted, please try again later"
        if address in behaviour.get("unknown", []):
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(behaviour.get("stall", 0))
        if "answer" in behaviour:
            return behaviour["answer"]
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "hello": session.host_name,
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "login": session.auth_data.login.decode() if session.auth_data else None,
            "mail": envelope.content.decode("ascii"),
        }
        number = len(list(folder.glob("*.json")))
        (folder / f"{number:04}.json").write_text(json.dumps(mail))
        return f"250 2.0.0 queued as {number}"


def authenticate(server, session, envelope, mechanism, data):
    """One user, one password."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"trailhound", b"hunter2-hunter2")
    return AuthResult(success=good, handled=False, auth_data=data)


async def main():
    context = certificate()
    handler = Handler()
    tls = behaviour.get("tls")

    def protocol():
        return SMTP(
            handler,
            hostname="relay.example",
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=authenticate,
            auth_required=behaviour.get("login", False),
            auth_require_tls=tls == "starttls",
        )

    loop = asyncio.get_running_loop()
    implicit = context if tls == "implicit" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
