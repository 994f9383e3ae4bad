// File names as people see them.

// A bidirectional override makes `photo\u202egnp.exe` look like a picture, `photoexe.png`. Isolation
// (<bdi>) keeps its effect inside the name and does not undo it there.
const DECEPTIVE = /[\p{Bidi_Control}\p{Cc}\u2028\u2029]/gu;

/** The name with such characters written out: `photo[U+202E]gnp.exe`. */
export function visibleName(name) {
  return name.replace(DECEPTIVE, (character) => {
    const number = character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    return `[U+${number}]`;
  });
}
