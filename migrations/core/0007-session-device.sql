-- A device is named by its kind: a name of the member's own choosing could hold anything personal (E85, FE12).

ALTER TABLE core.sessions DROP CONSTRAINT sessions_label_check;
ALTER TABLE core.sessions RENAME COLUMN label TO device;
UPDATE core.sessions SET device = 'other'
    WHERE device NOT IN ('', 'phone', 'tablet', 'computer', 'watch', 'speaker', 'button', 'other');
ALTER TABLE core.sessions ADD CONSTRAINT sessions_device_check
    CHECK (device IN ('', 'phone', 'tablet', 'computer', 'watch', 'speaker', 'button', 'other'));
COMMENT ON COLUMN core.sessions.device IS 'What kind of device; empty for a session and where none was said.';
