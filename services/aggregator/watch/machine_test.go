package watch

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestNoProductIsFused: a compiler may add to a product before it is rounded, where the machine can, unless a conversion
// forbids it. It has done so nowhere, which is what makes results the same bits everywhere.
func TestNoProductIsFused(t *testing.T) {
	fused := regexp.MustCompile(`\S+\.go:\d+\)\s+FN?M(ADD|SUB)\S*`)
	cmd := exec.Command("go", "build", "-gcflags=-S", "../drift", "../masking", ".")
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) == 0 {
		t.Fatalf("%v: %s", err, out[:min(len(out), 1000)])
	}
	for _, at := range fused.FindAllString(string(out), -1) {
		t.Errorf("%s: write float64(a * b) around the product", at)
	}
}
