package realkafka

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed pom.xml
var pom []byte

// Version is the version of Apache Kafka; pom.xml names the same.
const Version = "4.4.0"

// cacheDir is where the jars are kept: CASETRAIL_CACHE, or the user's cache directory.
func cacheDir() (string, error) {
	if dir := os.Getenv("CASETRAIL_CACHE"); dir != "" {
		return filepath.Join(dir, "kafka-"+Version), nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "casetrail", "kafka-"+Version), err
}

func cached() bool {
	dir, err := cacheDir()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, "kafka_2.13-"+Version+".jar"))
	return err == nil
}

// install returns the folder with Kafka's jars, which it fetches first where they are missing.
func install() (string, error) {
	dir, err := cacheDir()
	if err != nil || cached() {
		return dir, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return "", err
	}
	lib := filepath.Join(work, "lib")
	out, err := exec.Command("mvn", "-B", "-q", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory="+lib).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("fetching Kafka with mvn: %w\n%s", err, out)
	}
	// Moved into place whole: another test binary may be doing the same.
	if err := os.Rename(lib, dir); err != nil && !cached() {
		return "", err
	}
	return dir, nil
}
