package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
)

// authority signs certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// sign returns the certificate that the template describes. An authority without a certificate
// signs its own.
func (a *authority) sign(template *x509.Certificate) *authority {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.BasicConstraintsValid = true
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return &authority{a.t, certificate, key}
}

// until describes a certificate that is good until a time.
func until(name string, end time.Time) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: end}
}

func signer(name string) *x509.Certificate {
	template := until(name, time.Now().Add(time.Hour))
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	return template
}

func server(end time.Time, usage ...x509.ExtKeyUsage) *x509.Certificate {
	template := until("server", end)
	template.DNSNames, template.ExtKeyUsage = []string{"db.example"}, usage
	return template
}

// The URL says how much of a certificate is checked; a root in the secret of
// heroku:client-tls makes it more.
func TestWhichCertificateIsTrusted(t *testing.T) {
	t.Parallel()
	soon, past := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	top := (&authority{t: t}).sign(signer("root"))
	between := top.sign(signer("between"))
	root := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: top.certificate.Raw}))
	good := []*x509.Certificate{between.sign(server(soon)).certificate, between.certificate}
	expired := []*x509.Certificate{between.sign(server(past)).certificate, between.certificate}
	client := []*x509.Certificate{between.sign(server(soon, x509.ExtKeyUsageClientAuth)).certificate, between.certificate}
	const (
		unknown = "it is signed by an unknown authority"
		hint    = "tag heroku:client-tls"
	)
	for name, tt := range map[string]struct {
		host, query, root string
		chain             []*x509.Certificate
		want              []string // in the error; nil for none
	}{
		"require, without a root":               {"db.example", "", "", expired, nil},
		"require, with a root":                  {"db.example", "", root, good, nil},
		"require, and another name":             {"other.example", "", root, good, nil},
		"require, and another authority":        {"db.example", "", otherRoot(t), good, []string{unknown}},
		"verify-ca":                             {"db.example", "sslmode=verify-ca", root, good, nil},
		"verify-ca, and another name":           {"other.example", "sslmode=verify-ca", root, good, nil},
		"verify-ca, without a root":             {"db.example", "sslmode=verify-ca", "", good, []string{unknown, "verify-ca needs a root", hint}},
		"verify-full":                           {"db.example", "sslmode=verify-full", root, good, nil},
		"verify-full, and another name":         {"other.example", "sslmode=verify-full", root, good, []string{"it is for another host"}},
		"verify-full, by the system's roots":    {"db.example", "sslmode=verify-full", "", good, []string{unknown, "a root of its own", hint}},
		"the system's roots, and not the own":   {"db.example", "sslmode=verify-full&sslrootcert=system", root, good, []string{unknown}},
		"a file that only the program has":      {"db.example", "sslmode=verify-full&sslrootcert=x.pem", "", good, []string{unknown, "sslrootcert names a file", hint}},
		"such a file, beside require":           {"db.example", "sslrootcert=x.pem", "", good, []string{unknown, "sslrootcert names a file", hint}},
		"the own root in place of such a file":  {"db.example", "sslmode=verify-full&sslrootcert=x.pem", root, good, nil},
		"without the certificate between":       {"db.example", "", root, good[:1], []string{unknown}},
		"one that has expired":                  {"db.example", "", root, expired, []string{"it has expired"}},
		"one that is for clients":               {"db.example", "", root, client, []string{"it is invalid"}},
		"the root's own, and not for this host": {"db.example", "sslmode=verify-full", root, []*x509.Certificate{top.certificate}, []string{"it is for another host"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@" + tt.host + "/d?" + tt.query))
			if err != nil {
				t.Fatal(err)
			}
			err = login.Verify(url, tt.root, tt.chain...)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("got error %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want %q in it", err, want)
				}
			}
		})
	}
}

// otherRoot is that of an authority that has signed nothing here.
func otherRoot(t *testing.T) string {
	t.Helper()
	other := (&authority{t: t}).sign(signer("other"))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.certificate.Raw}))
}
