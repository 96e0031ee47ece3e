/** The mechanisms that come with later work, for all three protocols. */
export const PLANNED_MECHANISMS = {
  words: ["cram-md5", "external", "xoauth2", "oauthbearer"],
  what: "authentication",
} as const;
