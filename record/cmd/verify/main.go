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
	"slices"
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

// how is a way to verify an export.
type how func(io.Reader, note.Verifier, func(int64), ...[]byte) (record.Report, string, error)

// verify checks each file and prints what it found, then the sum of it.
func verify(files []string, keys []note.Verifier, revoked revocations, unsigned bool, out io.Writer) error {
	trusted := keys[0]
	var heads []record.Head
	var total int64
	statements := record.NewStatements()
	done := map[string]record.Report{}
	fmt.Fprintf(out, "trusted key: %s, id %08x\n", trusted.Name(), trusted.KeyHash())
	manifest, files, err := takeManifest(files, out)
	if err != nil {
		return err
	}
	export := record.VerifyExport
	if unsigned {
		export = record.VerifyExportUnsigned
	}
	if manifest != nil {
		export = func(r io.Reader, trusted note.Verifier, progress func(int64), notes ...[]byte) (record.Report, string, error) {
			return manifest.VerifyExport(r, trusted, unsigned, progress, notes...)
		}
	}
	for _, path := range files {
		r, err := verifyNext(path, trusted, export, done, revoked.notes)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		done[r.Ledger] = r
		if slices.ContainsFunc(heads, func(h record.Head) bool { return h.Ledger == r.Ledger }) {
			return fmt.Errorf("%s: ledger %s was in an earlier file already", path, r.Ledger)
		}
		fmt.Fprintf(out, "%s: %v\n", path, r)
		heads = append(heads, record.Head{Ledger: r.Ledger, Size: r.Records, Root: r.Root})
		total += r.Records
		statements.Join(r.Statements)
	}
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
	list := statements.List()
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

// verifyNext checks a file. One whose ledger goes on after a generation that was checked before it must follow from that, and is
// checked from the key on that signed there last.
func verifyNext(path string, trusted note.Verifier, export how, done map[string]record.Report, notes [][]byte) (record.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return record.Report{}, err
	}
	prefix, generation := record.Generation(record.ExportedLedger(f))
	if err := f.Close(); err != nil {
		return record.Report{}, err
	}
	before, known := done[fmt.Sprintf("%s/%d", prefix, generation-1)]
	known = known && generation > 1
	if known {
		trusted = before.Key
	}
	r, err := verifyFile(path, trusted, export, notes...)
	if err == nil && known && (before.Kinds[record.KindSeal] == 0 || before.Last != r.Previous) {
		err = fmt.Errorf("ledger %s begins after %v, but ledger %s, sealed: %t, ends with %v", r.Ledger, r.Previous, before.Ledger, before.Kinds[record.KindSeal] > 0, before.Last)
	}
	return r, err
}

func verifyFile(path string, trusted note.Verifier, export how, notes ...[]byte) (r record.Report, err error) {
	f, err := os.Open(path)
	if err != nil {
		return r, err
	}
	defer f.Close()
	r, vkey, err := export(f, trusted, nil, notes...)
	if v, e := note.NewVerifier(vkey); err != nil && e == nil && v.KeyHash() != trusted.KeyHash() {
		err = fmt.Errorf("%w (the file names the key %s, id %08x, which is not the one you trust)", err, v.Name(), v.KeyHash())
	}
	return r, err
}
