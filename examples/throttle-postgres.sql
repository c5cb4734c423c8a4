-- The throttle's store in Postgres: a table and three functions. throttle-postgres.mjs calls them.
-- The table must not be UNLOGGED: such a table is empty after a crash.

CREATE TABLE kpass_attempts (
  account text,
  id text,
  digest text NOT NULL,
  name text NOT NULL,
  wrong boolean NOT NULL,
  place bigint NOT NULL, -- the order of reservations and refusals
  began timestamptz NOT NULL, -- when it was reserved
  at timestamptz NOT NULL, -- when it was refused, or when its lease ends
  PRIMARY KEY (account, id)
);

-- Locks the account until the transaction ends, and forgets it if its window has passed.
CREATE FUNCTION kpass_open(_account text, _window double precision) RETURNS bigint AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(_account, 0));
  IF (SELECT max(at) FROM kpass_attempts WHERE account = _account)
      + _window * interval '1 millisecond' <= clock_timestamp() THEN
    DELETE FROM kpass_attempts WHERE account = _account;
  END IF;
  RETURN (SELECT coalesce(max(place), 0) + 1 FROM kpass_attempts WHERE account = _account);
END $$ LANGUAGE plpgsql;

CREATE FUNCTION kpass_reserve(_account text, _id text, _digest text, _name text, _attempts integer,
  _window double precision, _lease double precision) RETURNS text AS $$
DECLARE
  _place bigint := kpass_open(_account, _window);
  _now timestamptz := clock_timestamp();
  _all kpass_attempts[] :=
    ARRAY(SELECT each FROM kpass_attempts each WHERE account = _account);
BEGIN
  IF EXISTS (SELECT FROM unnest(_all) WHERE id = _id) THEN RETURN 'granted'; END IF;
  IF EXISTS (SELECT FROM unnest(_all) WHERE digest = _digest AND wrong) THEN RETURN 'refused'; END IF;
  IF EXISTS (SELECT FROM unnest(_all) WHERE digest = _digest AND at > _now) THEN RETURN 'wait'; END IF;
  IF cardinality(_all) >= _attempts THEN
    RETURN CASE WHEN EXISTS (SELECT FROM unnest(_all) WHERE NOT wrong AND at > _now)
      THEN 'wait' ELSE 'refused' END;
  END IF;
  INSERT INTO kpass_attempts VALUES (_account, _id, _digest, _name, false, _place, _now,
    _now + _lease * interval '1 millisecond');
  RETURN 'granted';
END $$ LANGUAGE plpgsql;

CREATE FUNCTION kpass_settle(_account text, _id text, _digest text, _name text, _end text,
  _window double precision) RETURNS void AS $$
DECLARE
  _place bigint := kpass_open(_account, _window);
  _now timestamptz := clock_timestamp();
  _mine kpass_attempts;
BEGIN
  SELECT * INTO _mine FROM kpass_attempts WHERE account = _account AND id = _id;
  DELETE FROM kpass_attempts WHERE account = _account AND id = _id;
  IF _end = 'wrong' THEN
    INSERT INTO kpass_attempts VALUES (_account, _id, _digest, _name, true, _place,
      coalesce(_mine.began, _now), _now);
  ELSIF _end = 'right' THEN
    DELETE FROM kpass_attempts WHERE account = _account AND name = _mine.name
      AND CASE WHEN wrong THEN place < _mine.place ELSE at < _mine.began END;
  END IF;
END $$ LANGUAGE plpgsql;

-- Run this now and then: accounts that nobody asks for stay in the table.
-- DELETE FROM kpass_attempts WHERE at < now() - interval '1 day';
