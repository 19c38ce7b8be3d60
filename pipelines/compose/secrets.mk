SECRETS ?= secrets
KAFKA_USERS := operator producer intake router record-signer aggregator clickhouse-sink alert-delivery
.PHONY: secrets passwords

secrets: build passwords ## keys, certificate and passwords for docker-compose.yml, in secrets/; what is there stays
	@test -e $(SECRETS)/signer.key || $(BIN)/casetrail keys create signer --dir $(SECRETS) >/dev/null
	@test -e $(SECRETS)/aggregator.key || $(BIN)/casetrail keys create aggregator --dir $(SECRETS) >/dev/null
	@test -e $(SECRETS)/customers.secret || $(BIN)/casetrail keys customers --dir $(SECRETS) >/dev/null
	@test -e $(SECRETS)/operator.key || $(BIN)/casetrail keys create operator --dir $(SECRETS) >/dev/null
	@test -e $(SECRETS)/webhook.secret || $(BIN)/casetrail alerts secret $(SECRETS)/webhook.secret >/dev/null
	@test -e .env || sed -e "s/^\(CASETRAIL_UID=\).*/\1$$(id -u)/" -e "s/^\(CASETRAIL_GID=\).*/\1$$(id -g)/" .env.example >.env

passwords: # its part that needs openssl alone; the certificate authority's key is forgotten once it has signed
	@set -eu; umask 077; mkdir -p $(SECRETS); cd $(SECRETS); \
	for f in $(addprefix kafka-,$(KAFKA_USERS)) clickhouse-sink clickhouse-analyst grafana-admin; do \
	  test -e $$f || openssl rand -hex 24 >$$f; done; \
	if ! test -e kafka-keystore.pem; then \
	  ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"; \
	  openssl req -x509 $$ec -days 825 -subj "/CN=Casetrail CA" -keyout ca.key -out ca.pem 2>/dev/null; \
	  openssl req -new $$ec -subj /CN=kafka -addext subjectAltName=DNS:kafka,DNS:localhost,IP:127.0.0.1 -keyout kafka.key -out kafka.csr 2>/dev/null; \
	  openssl x509 -req -in kafka.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -copy_extensions copy -out kafka.crt 2>/dev/null; \
	  cat kafka.key kafka.crt ca.pem >kafka-keystore.pem; rm -f ca.key ca.srl kafka.key kafka.csr kafka.crt; fi; \
	hash() { tr -d '\n' <$$1 | openssl dgst -sha256 -r | cut -d' ' -f1; }; \
	user() { printf '<%s><password_sha256_hex>%s</password_sha256_hex><networks><ip>::/0</ip></networks><profile>%s</profile><quota>default</quota><grants>%s</grants></%s>\n' $$1 $$(hash clickhouse-$$1) $$1 "$$2" $$1; }; \
	{ echo '<clickhouse><profiles>'; \
	  echo '<sink><async_insert>0</async_insert><deduplicate_blocks_in_dependent_materialized_views>1</deduplicate_blocks_in_dependent_materialized_views></sink>'; \
	  echo '<analyst><readonly>2</readonly><max_execution_time>60</max_execution_time><max_memory_usage>1000000000</max_memory_usage></analyst>'; \
	  echo '</profiles><users><default remove="remove"/>'; \
	  user sink '<query>GRANT SELECT, INSERT, CREATE DATABASE, CREATE TABLE, CREATE VIEW, ALTER, SHOW ON casetrail.*</query>$(foreach e,MergeTree ReplacingMergeTree SummingMergeTree,<query>GRANT TABLE ENGINE ON $(e)</query>)'; \
	  user analyst '<query>GRANT SELECT, SHOW ON casetrail.*</query>'; \
	  echo '</users></clickhouse>'; } >clickhouse-users.new; mv -f clickhouse-users.new clickhouse-users.xml; \
	echo "CASETRAIL_CLICKHOUSE_URL=http://sink:$$(cat clickhouse-sink)@clickhouse:8123/casetrail" >clickhouse-sink.env.new; mv -f clickhouse-sink.env.new clickhouse-sink.env; \
	chmod 0444 kafka-* clickhouse-* grafana-admin ca.pem
