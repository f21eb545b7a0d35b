-- What PostgreSQL's image runs when its volume is empty: a user who owns a database, and no more.
-- psql reads the secret by itself: no command line has it.
\set password `cat /run/secrets/boxoffice_password`
CREATE ROLE boxoffice LOGIN PASSWORD :'password';
CREATE DATABASE boxoffice OWNER boxoffice;
