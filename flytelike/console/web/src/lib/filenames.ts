// Names of files as addresses may have them.

/** A name that may be part of an address: letters, digits, dots, dashes. */
export const plainName = (name: string): string => name.replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^\.+/, "") || "file";
