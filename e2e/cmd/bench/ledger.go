package main

import (
	"fmt"
	"os"
	"os/exec"
)

// ledger runs the ledger's own benchmarks: records a second of signing and verifying, on one core.
func ledger() error {
	fmt.Print("\n## The ledger, one core\n\n```\n")
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-cpu", "1", "./record")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	fmt.Println("```")
	return err
}
