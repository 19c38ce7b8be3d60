// Command verify checks exports of Casetrail's ledger offline: every signature (on all cores), the hash chain, the Merkle tree,
// the checkpoints, what the records say, and what they say together of conduct (record.Statements). It needs nothing but the
// exports and the public key, and no network.
//
//	verify -vkey casetrail.vkey [MANIFEST] ledger-0.jsonl ledger-1.jsonl
//	verify -no-signatures -vkey casetrail.vkey ledger-0.jsonl
//	verify receipt -vkey casetrail.vkey case.tlog-proof
//	verify certificate -vkey casetrail.vkey,operator.vkey erasure.certificate
//	verify heads -vkey casetrail.vkey mine.checkpoint yours.checkpoint [PROOF or EXPORT]
//
// With -no-signatures those of the records are left out, which is much faster. The form receipt checks receipts, certificate those of
// erasures, heads that two checkpoints of a ledger are of one history. After a rotation all three may need several keys:
// -vkey old.vkey,new.vkey. With -revoked FILE what a revoked key signed beyond its end is refused.
//
// It exits with 0 if all is in order, with 1 and the first fault or broken statement if not, and with 2 if it was called wrongly.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/casetrail/casetrail/record"
	"golang.org/x/mod/sumdb/note"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// forms are the ways to call it, by the first argument.
var forms = map[string]struct {
	usage    string
	min, max int // files
	run      func(files []string, trusted []note.Verifier, revoked revocations, out io.Writer) error
}{
	"":            {"verify -vkey FILE EXPORT...\nChecks exports of the ledgers offline. With the export of the manifest among them it says too that none is missing.", 1, math.MaxInt, signed},
	"receipt":     {"verify receipt -vkey FILE,... RECEIPT...\nChecks receipts (C2SP tlog-proof) offline.", 1, math.MaxInt, receipts},
	"certificate": {"verify certificate -vkey LEDGER,OPERATOR,... CERTIFICATE...\nChecks certificates of erasure offline.", 1, math.MaxInt, certificates},
	"heads": {"verify heads -vkey FILE,... CHECKPOINT CHECKPOINT [PROOF or EXPORT]\nChecks that two checkpoints of one ledger are of one history. " +
		"If their sizes differ, a consistency proof\n(a hash in base64 a line) or an export has to show it.", 2, 3, heads},
}

func run(args []string, out, errs io.Writer) int {
	name := ""
	if len(args) > 0 && args[0] != "" && forms[args[0]].run != nil {
		name, args = args[0], args[1:]
	}
	form := forms[name]
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(errs)
	revoked := flags.String("revoked", "", "`files` of revocations, with commas between them: what their keys signed beyond is refused")
	vkey := flags.String("vkey", "", "`file` of the public key that you trust (name+hash+base64); the key that an export names is not trusted")
	noSignatures := false
	if name == "" {
		flags.BoolVar(&noSignatures, "no-signatures", false, "check chain, tree and checkpoints alone, which is much faster, and leave out the records' signatures")
	}
	flags.Usage = func() {
		fmt.Fprintln(errs, "Usage: "+form.usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *vkey == "" || flags.NArg() < form.min || flags.NArg() > form.max {
		flags.Usage()
		return 2
	}
	var trusted []note.Verifier
	for _, path := range strings.Split(*vkey, ",") {
		v, err := record.LoadVerifier(path)
		if err != nil {
			fmt.Fprintln(errs, err)
			return 2
		}
		trusted = append(trusted, v)
	}
	if name == "" && len(trusted) > 1 {
		fmt.Fprintln(errs, "an export is checked from the ledger's first key on, and names the later ones itself: give one -vkey")
		return 2
	}
	revocations, err := readRevocations(*revoked)
	if err != nil {
		fmt.Fprintln(errs, err)
		return 2
	}
	if noSignatures {
		form.run = unsigned
	}
	if err := form.run(flags.Args(), trusted, revocations, out); err != nil {
		fmt.Fprintf(errs, "NOT VERIFIED: %v\n", err)
		return 1
	}
	return 0
}

// signed checks exports whole.
func signed(files []string, keys []note.Verifier, revoked revocations, out io.Writer) error {
	return verify(files, keys, revoked, false, out)
}

// unsigned leaves the records' signatures out, and says so.
func unsigned(files []string, keys []note.Verifier, revoked revocations, out io.Writer) error {
	err := verify(files, keys, revoked, true, out)
	if err == nil {
		_, err = fmt.Fprintln(out, "NOT CHECKED: the records' signatures (-no-signatures). What is under a checkpoint is what its signer committed to, by its signature; nobody is known to have signed the records after it.")
	}
	return err
}

// verify checks each file and prints what it found, then the sum of it. The generations of a ledger are checked from old to new, in whatever
// order their files are given.
func verify(files []string, keys []note.Verifier, revoked revocations, unsigned bool, out io.Writer) error {
	trusted := keys[0]
	fmt.Fprintf(out, "trusted key: %s, id %08x\n", trusted.Name(), trusted.KeyHash())
	manifest, files, err := takeManifest(files, out)
	if err != nil {
		return err
	}
	audit := record.Audit{Trusted: trusted, Unsigned: unsigned, Revoked: revoked.all, Manifest: manifest}
	if files, err = inOrder(files); err != nil {
		return err
	}
	var total int64
	for _, path := range files {
		r, err := verifyFile(path, &audit)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(out, "%s: %v\n", path, r)
		total += r.Records
	}
	heads := audit.Heads()
	root := heads[0].Root
	if len(heads) > 1 {
		root = record.CombinedRoot(heads)
	}
	if manifest == nil {
		fmt.Fprintln(out, "without a manifest: whether a partition is missing was not checked")
	} else if err := manifest.Finish(trusted); err != nil {
		return err
	} else {
		fmt.Fprintln(out, manifest)
	}
	fmt.Fprintf(out, "ledger verified: %d records, %d partitions, root %v\n", total, len(heads), root)
	list := audit.Statements()
	if err := record.Print(out, list); err != nil {
		return err
	}
	for _, s := range list {
		if err := s.Err(); err != nil {
			return err
		}
	}
	return nil
}

// inOrder gives files in the order in which they are checked, by the ledgers that they name.
func inOrder(files []string) ([]string, error) {
	named := map[string]string{}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		named[path] = record.ExportedLedger(f)
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	record.Sort(files, func(path string) string { return named[path] })
	return files, nil
}

func verifyFile(path string, audit *record.Audit) (r record.Report, err error) {
	f, err := os.Open(path)
	if err != nil {
		return r, err
	}
	defer f.Close()
	return audit.Export(f, nil)
}
