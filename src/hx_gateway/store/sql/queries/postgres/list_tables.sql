SELECT tablename AS name FROM pg_catalog.pg_tables
WHERE schemaname = current_schema() AND tablename LIKE 'hx\_%'
