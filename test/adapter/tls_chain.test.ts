import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Certificate } from "../../adapters/_certificate.ts";
import { judgeChain } from "../../adapters/_chain.ts";
import {
  type Certificate as Made,
  CertificateFolder,
  CLIENT_EXTENSIONS,
  EXPIRED,
  LONG_AGO,
} from "../support/certificates.ts";
import { parseCertificates } from "../../adapters/_tls_keys.ts";

describe("a chain of certificates", () => {
  let folder: CertificateFolder;
  before(() => {
    folder = new CertificateFolder();
  });
  after(() => folder.remove());

  function judge(shown: readonly Made[], anchors: readonly Made[]): string {
    const policy = { anchors: read(anchors), crls: [], depth: 1, purpose: "client" } as const;
    return judgeChain(read(shown), policy, Date.now()).error ?? "verified";
  }

  it("goes through the certificate of an authority that is valid, of several with its name and key", () => {
    const root = folder.authority("root");
    const valid = folder.authority("between", root);
    const expired = folder.again(valid, { issuer: root, from: LONG_AGO, until: EXPIRED });
    const leaf = folder.make({ name: "leaf", issuer: valid, extensions: CLIENT_EXTENSIONS });
    assertEquals(judge([leaf, expired], [root]), "CERT_HAS_EXPIRED");
    assertEquals(judge([leaf, expired, valid], [root]), "verified");
    assertEquals(judge([leaf, valid, expired], [root]), "verified");
    assertEquals(judge([leaf], [root, expired, valid]), "verified");
  });

  it("goes past an authority that only has the name of another one", () => {
    const root = folder.authority("true root");
    const imposter = folder.make({ name: "imposter", subject: "/CN=true root" });
    const leaf = folder.make({ name: "true leaf", issuer: root, extensions: CLIENT_EXTENSIONS });
    assertEquals(judge([leaf, imposter], [root]), "verified");
    assertEquals(judge([leaf], [imposter, root]), "verified");
    assertEquals(judge([leaf], [imposter]), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });
});

function read(all: readonly Made[]): Certificate[] {
  return all.map(({ certificate }) => {
    const found = parseCertificates(certificate);
    assert(typeof found !== "string" && found[0] !== undefined);
    return new Certificate(found[0]);
  });
}
