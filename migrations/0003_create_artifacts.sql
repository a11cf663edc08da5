CREATE TABLE `artifact_uploads` (
	`run_id` text NOT NULL,
	`upload_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`name` text NOT NULL,
	`started_at_ms` integer NOT NULL,
	PRIMARY KEY(`run_id`, `upload_id`)
);
--> statement-breakpoint
CREATE INDEX `artifact_uploads_by_age` ON `artifact_uploads` (`started_at_ms`);--> statement-breakpoint
CREATE TABLE `artifacts` (
	`run_id` text NOT NULL,
	`name` text NOT NULL,
	`bytes` integer NOT NULL,
	`media_type` text NOT NULL,
	`sha256` text NOT NULL,
	`created_at` text NOT NULL,
	`upload_id` text,
	`claimed_at_ms` integer NOT NULL,
	PRIMARY KEY(`run_id`, `name`)
);
