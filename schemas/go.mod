module github.com/casetrail/casetrail/schemas

go 1.26.8

require (
	github.com/linkedin/goavro/v2 v2.15.0
	github.com/twmb/franz-go/pkg/sr v1.8.0
	go.uber.org/goleak v1.3.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/golang/snappy v0.0.1 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
)
