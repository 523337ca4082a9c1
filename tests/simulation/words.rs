//! The words in which each kind of program tells what it does.

use agent_orchestrator::policy::agent_event::{Refusal, Told};

use super::clock::MINUTE;
use super::mind::Doing;
use super::teller::{Prompt, Teller};
use super::world::World;

impl World {
    /// A program has drawn its first screen.
    pub fn tells_start(&mut self, agent: &str) {
        let how = "startup".to_owned();
        match self.teller_of(agent) {
            Teller::Claude | Teller::Gemini => {
                let id = self.conversation_of(agent);
                self.tells(agent, vec![Told::SessionStart { how }, id]);
            }
            Teller::Opencode => self.tells(agent, vec![Told::Idle { ended: false }]),
            Teller::Silent | Teller::Codex => {}
        }
    }

    pub fn conversation_of(&mut self, agent: &str) -> Told {
        Told::Conversation {
            id: self.program(agent).map(|program| program.mouth.conversation.clone()).unwrap_or_default(),
        }
    }

    /// A prompt was submitted in a turn, and waits for its end.
    pub fn tells_waiting(&mut self, agent: &str, text: &str) {
        if self.mouth(agent).is_some_and(|mouth| mouth.at_once && mouth.teller.has_receipts()) {
            self.tells(agent, vec![Told::Receipt { text: text.to_owned() }]);
        }
    }

    /// A turn begins, with these prompts or by itself.
    pub fn tells_begin(&mut self, agent: &str, prompts: &[Prompt], waited: bool) {
        let Some(mouth) = self.mouth(agent) else { return };
        let (teller, is_told) = (mouth.teller, waited && mouth.at_once);
        mouth.prompt = prompts.last().map_or_else(|| "kickoff".to_owned(), |prompt| prompt.text.clone());
        let id = self.conversation_of(agent);
        match teller {
            Teller::Claude | Teller::Gemini => {
                for prompt in prompts.iter().filter(|_| !is_told) {
                    let receipt = Told::Receipt { text: prompt.text.clone() };
                    self.tells(agent, vec![receipt, Told::Working, id.clone()]);
                }
                if prompts.is_empty() || is_told {
                    self.tells(agent, vec![Told::Working]);
                }
            }
            Teller::Opencode => {
                let of_prompts = prompts.iter().filter(|_| !is_told);
                let mut told: Vec<Told> =
                    of_prompts.map(|prompt| Told::Receipt { text: prompt.text.clone() }).collect();
                told.extend([id, Told::Working]);
                if self.telling.percent(20) {
                    told.rotate_right(1);
                }
                self.tells(agent, told);
            }
            Teller::Silent | Teller::Codex => {}
        }
    }

    /// A turn has ended well.
    pub fn tells_end(&mut self, agent: &str) {
        let id = self.conversation_of(agent);
        let Some(mouth) = self.mouth(agent) else { return };
        let (teller, prompt) = (mouth.teller, mouth.prompt.clone());
        let idle = Told::Idle { ended: true };
        match teller {
            Teller::Claude => {
                self.tells(agent, vec![idle]);
                let used_percent = u8::try_from(self.telling.below(96)).unwrap_or(0);
                let window = "five_hour".to_owned();
                let allowance = Told::Allowance { window, used_percent: used_percent / 2, resets_at: None };
                self.tells(agent, vec![id, Told::Context { used_percent }, allowance]);
                self.later(agent, MINUTE, Doing::Remind);
            }
            Teller::Gemini => self.tells(agent, vec![idle]),
            Teller::Codex => {
                let mut told = vec![Told::Receipt { text: prompt }, id, idle];
                if self.telling.percent(20) {
                    told.reverse();
                }
                self.tells(agent, told);
            }
            Teller::Opencode => {
                self.tells(agent, vec![idle.clone()]);
                self.tells(agent, vec![idle]);
            }
            Teller::Silent => {}
        }
    }

    /// A program that rests says so once more, or what it does to who begins to listen.
    pub fn tells_again(&mut self, agent: &str) {
        let works = self.program(agent).is_some_and(|program| program.works());
        self.tells(agent, vec![if works { Told::Working } else { Told::Idle { ended: false } }]);
    }

    /// A program tries again what the service refuses.
    pub fn tells_retry(&mut self, agent: &str, text: &str) {
        if self.teller_of(agent) == Teller::Opencode {
            self.tells(agent, vec![Told::Retrying { limit: true, text: text.to_owned() }]);
        }
    }

    /// A turn has ended because the service refused.
    pub fn tells_refusal(&mut self, agent: &str, kind: Refusal, text: &str) {
        let until = self.accounts.get(&self.account_of(agent)).and_then(|account| account.limited.as_ref());
        let until = until.map(|limited| self.clock.shown(limited.named)).filter(|_| kind == Refusal::Limit);
        let Some(mouth) = self.mouth(agent) else { return };
        let (teller, kind) = (mouth.teller, mouth.wrong_kind.take().unwrap_or(kind));
        let text = text.to_owned();
        match teller {
            Teller::Claude => {
                let names = self.telling.percent(20);
                self.tells(agent, vec![Told::Refused { kind, text, resets_at: until.filter(|_| names) }]);
                if until.is_some() {
                    let window = "five_hour".to_owned();
                    self.tells(agent, vec![Told::Allowance { window, used_percent: 100, resets_at: until }]);
                }
                self.later(agent, MINUTE, Doing::Remind);
            }
            Teller::Opencode => {
                self.tells(agent, vec![Told::Refused { kind, text, resets_at: None }]);
                self.tells(agent, vec![Told::Idle { ended: true }]);
            }
            // A turn that fails has no end that they tell.
            Teller::Silent | Teller::Codex | Teller::Gemini => {}
        }
    }

    /// A person is asked for leave.
    pub fn tells_question(&mut self, agent: &str) {
        match self.teller_of(agent) {
            Teller::Claude | Teller::Gemini | Teller::Opencode => {
                self.tells(agent, vec![Told::Permission { what: "Bash: rm -r build".to_owned() }]);
            }
            Teller::Silent | Teller::Codex => {}
        }
    }

    /// A person has answered: what was asked for is done, and the turn ends.
    pub fn tells_answer(&mut self, agent: &str) {
        match self.teller_of(agent) {
            Teller::Claude | Teller::Gemini | Teller::Opencode => {
                self.tells(agent, vec![Told::Working, Told::Idle { ended: true }]);
            }
            Teller::Silent | Teller::Codex => {}
        }
    }

    /// A program ends in an orderly way.
    pub fn tells_farewell(&mut self, agent: &str, why: &str) {
        if matches!(self.teller_of(agent), Teller::Claude | Teller::Gemini) {
            self.tells(agent, vec![Told::SessionEnd { why: why.to_owned() }]);
        }
    }
}
