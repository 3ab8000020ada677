//! Scan JSON: strictly, in one pass, without recursion.
//!
//! Accepts less than the Python path's parser wherever there is a choice: what is refused here is merely read by that
//! one. Knows JSON alone; what a record should hold is `records`' business.

/// The text is not what this kernel is sure about: another has to decide.
#[derive(Debug)]
pub struct Refused;

pub type Result<T> = std::result::Result<T, Refused>;

/// Levels of brackets that are followed; the deepest real record has 12.
const DEEPEST: u32 = 120;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// A place in a text, and what is read from there on.
pub struct Scan<'a> {
    pub text: &'a [u8],
    pub at: usize,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a [u8], at: usize) -> Self {
        Scan { text, at }
    }

    #[inline(always)]
    pub fn peek(&self) -> Result<u8> {
        self.text.get(self.at).copied().ok_or(Refused)
    }

    /// Take one byte that has to be there.
    #[inline(always)]
    pub fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek()? != byte {
            return Err(Refused);
        }
        self.at += 1;
        Ok(())
    }

    /// Skip white space, and say whether there was any.
    #[inline(always)]
    pub fn space(&mut self) -> bool {
        let begin = self.at;
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
        self.at > begin
    }

    /// Read a string; what lies between its quotes, and whether that has escapes.
    #[inline(always)]
    pub fn string(&mut self) -> Result<(&'a [u8], bool)> {
        self.expect(b'"')?;
        let begin = self.at;
        let mut escapes = false;
        loop {
            self.skip_plain();
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escapes = true;
                    self.escape()?;
                }
                _ => return Err(Refused), // a raw control character
            }
        }
        self.at += 1;
        Ok((&self.text[begin..self.at - 1], escapes))
    }

    /// Go on to the next quote, backslash or control character, eight bytes at a time.
    #[inline(always)]
    fn skip_plain(&mut self) {
        while let Some(eight) = self.text.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*eight);
            let hit = (equal(word, b'"') | equal(word, b'\\') | word.wrapping_sub(ONES * 0x20)) & !word & HIGHS;
            if hit != 0 {
                self.at += hit.trailing_zeros() as usize / 8; // the lowest hit is a true one; those above it may not be
                return;
            }
            self.at += 8;
        }
        while let Some(&byte) = self.text.get(self.at) {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                return;
            }
            self.at += 1;
        }
    }

    /// Read one escape. A surrogate or NUL is refused, also where it only looks like one, as the Python path does.
    #[inline(never)]
    fn escape(&mut self) -> Result<()> {
        self.at += 1;
        match self.peek()? {
            b'"' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
            b'\\' => {
                if self.text[self.at + 1..].strip_prefix(b"u").is_some_and(is_telling) {
                    return Err(Refused);
                }
            }
            b'u' => {
                let digits = self.text.get(self.at + 1..self.at + 5).ok_or(Refused)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) || is_telling(digits) {
                    return Err(Refused);
                }
                self.at += 4;
            }
            _ => return Err(Refused),
        }
        self.at += 1;
        Ok(())
    }

    /// Read a literal: `true`, `false`, `null`.
    #[inline(always)]
    pub fn literal(&mut self, word: &[u8]) -> Result<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Refused);
        }
        self.at += word.len();
        Ok(())
    }

    /// Read a number.
    fn number(&mut self) -> Result<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return Err(Refused),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<()> {
        let begin = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == begin { Err(Refused) } else { Ok(()) }
    }

    /// Read a value of any kind; its text.
    #[inline(always)]
    pub fn value(&mut self) -> Result<&'a [u8]> {
        let begin = self.at;
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.nested()?,
            _ => self.scalar()?,
        }
        Ok(&self.text[begin..self.at])
    }

    #[inline(always)]
    fn scalar(&mut self) -> Result<()> {
        match self.peek()? {
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    /// Read a value in brackets. Which brackets are open is a bit each: objects are ones.
    fn nested(&mut self) -> Result<()> {
        let (mut open, mut depth) = (0_u128, 0_u32);
        loop {
            // At a value.
            match self.peek()? {
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    depth += 1;
                    if depth > DEEPEST {
                        return Err(Refused);
                    }
                    open = open << 1 | u128::from(bracket == b'{');
                    self.space();
                    if self.peek()? != bracket + 2 {
                        if bracket == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                    // Empty: closed below.
                }
                b'"' => {
                    self.string()?;
                }
                _ => self.scalar()?,
            }
            // Behind a value, or at the end of an empty one.
            loop {
                self.space();
                match self.peek()? {
                    byte @ (b'}' | b']') => {
                        if (byte == b'}') != (open & 1 == 1) {
                            return Err(Refused);
                        }
                        self.at += 1;
                        depth -= 1;
                        open >>= 1;
                        if depth == 0 {
                            return Ok(());
                        }
                    }
                    b',' => {
                        self.at += 1;
                        self.space();
                        if open & 1 == 1 {
                            self.key()?;
                        }
                        break;
                    }
                    _ => return Err(Refused),
                }
            }
        }
    }

    /// Read a key with its colon; a value follows.
    #[inline(always)]
    fn key(&mut self) -> Result<()> {
        self.string()?;
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(())
    }
}

/// High bits where a byte is the wanted one; above the lowest such byte there may be false ones.
#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES)
}

/// Whether the digits behind `\u` spell a surrogate or NUL.
fn is_telling(digits: &[u8]) -> bool {
    match digits {
        [b'0', b'0', b'0', b'0', ..] => true,
        [b'd' | b'D', second, ..] => matches!(second, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'),
        _ => false,
    }
}

/// How many brackets open in a text, those in strings among them.
pub fn brackets(text: &[u8]) -> usize {
    let each = |part: &[u8]| usize::from(part.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>());
    text.chunks(128).map(each).sum()
}
