import manifest from "../../package.json";

/** The build sets it; undefined if the sources run directly. */
declare const BUILD_COMMIT: string | undefined;

/** The version that `--version`, ping and the API report. */
export const VERSION: string = manifest.version;

/** The commit it was built from; empty if the sources run directly. */
export const COMMIT = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "";

/** What `--version` prints after the program's name: the version, and the commit it was built from. */
export function versionText(): string {
  return COMMIT === "" ? VERSION : `${VERSION} (commit ${COMMIT})`;
}
