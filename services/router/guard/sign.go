package guard

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/schemas"
)

// Sign checks a policy's document and makes the message that publishes it: the document and a signed note (C2SP
// signed-note) over its version and SHA-256 by the operator's key.
func Sign(document []byte, key note.Signer) (*schemas.PolicyChange, error) {
	p, err := Parse(document)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: statement(p.Version, document)}, key)
	if err != nil {
		return nil, fmt.Errorf("sign policy %s: %w", p.Version, err)
	}
	return &schemas.PolicyChange{Version: p.Version, Document: string(document), Note: string(signed)}, nil
}

// Verify checks that a published policy is whole, valid and signed by the operator's key. Errors wrap ErrPolicy.
func Verify(c *schemas.PolicyChange, key note.Verifier) (*Policy, error) {
	p, err := Parse([]byte(c.Document))
	if err != nil {
		return nil, err
	}
	if p.Version != c.Version {
		return nil, fmt.Errorf("%w: the message says version %q, its document %q", ErrPolicy, c.Version, p.Version)
	}
	n, err := note.Open([]byte(c.Note), note.VerifierList(key))
	if err != nil {
		return nil, fmt.Errorf("%w %s: not signed by %s; sign it with the operator's key (casetrail policy apply): %w", ErrPolicy, p.Version, key.Name(), err)
	}
	if n.Text != statement(p.Version, []byte(c.Document)) {
		return nil, fmt.Errorf("%w %s: the signature is over another document", ErrPolicy, p.Version)
	}
	return p, nil
}

func statement(version string, document []byte) string {
	return fmt.Sprintf("casetrail policy\n%s\nsha256 %x\n", version, sha256.Sum256(document))
}
